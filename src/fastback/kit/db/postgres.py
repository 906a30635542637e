"""PostgreSQL through asyncpg: a pool of connections, each with its prepared statements."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import asyncpg

from fastback.kit.db.errors import DatabaseError, IntegrityError
from fastback.kit.db.query import compile_statement
from fastback.kit.db.rows import read_rows
from fastback.kit.db.statement_timings import record_timing

R = TypeVar("R")

#: How long the server may take to accept a connection (seconds).
CONNECTING = 30.0
#: So many rows of a long statement are read in a thread.
MANY = 1000
#: Bytes of a large text that are sent at once.
PIECE = 1 << 18


def _changed(status: str) -> int:
    """The row count at the end of a command tag such as `UPDATE 3`."""
    last = status.rsplit(" ", 1)[-1]
    return int(last) if last.isdigit() else 0


def _bound(names: tuple[str, ...], params: dict[str, Any]) -> list[Any]:
    return [list(v) if isinstance(v := params[name], (set, frozenset, tuple)) else v for name in names]


class _Runner:
    """Statements over whatever has asyncpg's `fetch` and `execute`: a pool or one connection."""

    dialect: Any = "postgres"

    def __init__(self, target: Any) -> None:
        self._target = target

    async def _fetch(self, name: str, text: str, params: dict[str, Any]) -> list[Any]:
        compiled = compile_statement(text)
        started = perf_counter()
        try:
            found: list[Any] = await self._target.fetch(compiled.postgres, *_bound(compiled.names, params))
            return found
        except asyncpg.IntegrityConstraintViolationError as error:
            raise IntegrityError(f"{name}: {error}") from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise DatabaseError(f"{name}: {error}") from error
        finally:
            record_timing(name, perf_counter() - started)

    async def fetch_all(self, row: type[R], name: str, text: str, /, **params: Any) -> list[R]:
        return read_rows(row, await self._fetch(name, text, params))

    async def fetch_first(self, row: type[R], name: str, text: str, /, **params: Any) -> R | None:
        found = await self._fetch(name, text, params)
        return read_rows(row, found[:1])[0] if found else None

    async def fetch_value(self, name: str, text: str, /, **params: Any) -> Any:
        found = await self._fetch(name, text, params)
        return found[0][0] if found else None

    async def execute(self, name: str, text: str, /, **params: Any) -> int:
        compiled = compile_statement(text)
        started = perf_counter()
        try:
            return _changed(await self._target.execute(compiled.postgres, *_bound(compiled.names, params)))
        except asyncpg.IntegrityConstraintViolationError as error:
            raise IntegrityError(f"{name}: {error}") from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise DatabaseError(f"{name}: {error}") from error
        finally:
            record_timing(name, perf_counter() - started)

    async def execute_many(self, name: str, text: str, rows: list[dict[str, Any]], /) -> None:
        compiled = compile_statement(text)
        try:
            await self._target.executemany(compiled.postgres, [_bound(compiled.names, row) for row in rows])
        except asyncpg.IntegrityConstraintViolationError as error:
            raise IntegrityError(f"{name}: {error}") from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise DatabaseError(f"{name}: {error}") from error


class _Patient:
    """A pool that a statement waits for no longer than it should."""

    def __init__(self, pool: Any, patience: float) -> None:
        self.pool = pool
        self._patience = max(patience, 0.05)

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Any]:
        """A connection, given back at the end.

        Raises:
            DatabaseError: none became free in time.
        """
        try:
            connection = await self.pool.acquire(timeout=self._patience)
        except TimeoutError as error:
            text = f"no connection to PostgreSQL became free within {self._patience:g} seconds (DATABASE_POOL_TIMEOUT)"
            raise DatabaseError(text) from error
        try:
            yield connection
        finally:
            await self.pool.release(connection)

    async def fetch(self, *given: Any) -> Any:
        async with self.acquire() as connection:
            return await connection.fetch(*given)

    async def execute(self, *given: Any) -> Any:
        async with self.acquire() as connection:
            return await connection.execute(*given)

    async def executemany(self, *given: Any) -> Any:
        async with self.acquire() as connection:
            return await connection.executemany(*given)


class PostgresDatabase(_Runner):
    """See `fastback.kit.db.database.Database`."""

    def __init__(self, pool: _Patient) -> None:
        super().__init__(pool)
        self._pool = pool

    @classmethod
    async def connect(
        cls, url: str, *, schema: str | None = None, size: int = 10, timeout: float = 30.0, recycle: float = 3600.0
    ) -> PostgresDatabase:
        """Open a pool of at most `size` connections.

        `timeout` is how long a statement waits for one of them, `recycle` how long an idle one is kept (seconds); for
        good at 0 or less.

        Raises:
            DatabaseError: the server cannot be reached or refuses.
        """
        settings = {"application_name": "fastback"}
        if schema:
            settings["search_path"] = schema
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=max(size, 1),
                timeout=CONNECTING,
                max_inactive_connection_lifetime=max(recycle, 0.0),
                server_settings=settings,
            )
        except (asyncpg.PostgresError, OSError, ValueError, TimeoutError) as error:
            raise DatabaseError(f"cannot connect to PostgreSQL: {error}") from error
        return cls(_Patient(pool, timeout))

    async def execute_apart(self, name: str, text: str, files: Mapping[str, str | Path], /, **params: Any) -> int:
        """A text goes there in pieces, as a large object that is gone when the transaction ends."""
        if not files:
            return await self.execute(name, text, **params)
        async with self.transaction() as tx:
            for parameter, path in files.items():
                params[parameter] = await self._large_object(tx, path)
                text = re.sub(rf"(?<!:):{parameter}\b", f"convert_from(lo_get(:{parameter}), 'UTF8')", text)
            changed = await tx.execute(name, text, **params)
            for parameter in files:
                await tx.fetch_value("apart.unlink", "SELECT lo_unlink(:oid)", oid=params[parameter])
        return changed

    async def text_apart(self, name: str, text: str, into: str | Path, /, **params: Any) -> bool:
        """As `execute_apart`, the other way."""
        made = f"SELECT lo_from_bytea(0, convert_to(x.text, 'UTF8')) FROM ({text}) AS x(text) WHERE x.text IS NOT NULL"
        async with self.transaction() as tx:
            oid = await tx.fetch_value(name, made, **params)
            if oid is None:
                return False
            place = 0
            with open(into, "wb") as sink:
                get = "SELECT lo_get(:oid, :place, :size)"
                while piece := await tx.fetch_value("apart.get", get, oid=oid, place=place, size=PIECE):
                    await asyncio.to_thread(sink.write, piece)
                    place += len(piece)
            await tx.fetch_value("apart.unlink", "SELECT lo_unlink(:oid)", oid=oid)
        return True

    @staticmethod
    async def _large_object(tx: _Runner, path: str | Path) -> int:
        made: int = await tx.fetch_value("apart.create", "SELECT lo_from_bytea(0, '')")
        place = 0
        with open(path, "rb") as source:
            while piece := await asyncio.to_thread(source.read, PIECE):
                put = "SELECT lo_put(:oid, :place, :piece)"
                await tx.fetch_value("apart.put", put, oid=made, place=place, piece=piece)
                place += len(piece)
        return made

    async def fetch_all_in_thread(self, row: type[R], name: str, text: str, /, **params: Any) -> list[R]:
        found = await self._fetch(name, text, params)
        return read_rows(row, found) if len(found) < MANY else await asyncio.to_thread(read_rows, row, found)

    async def execute_in_thread(self, name: str, text: str, /, **params: Any) -> int:
        return await self.execute(name, text, **params)

    @asynccontextmanager
    async def transaction(self, *, long: bool = False) -> AsyncIterator[_Runner]:
        async with self._pool.acquire() as connection, connection.transaction():
            yield _Runner(connection)

    def get_change_stamp(self) -> int | None:
        return None

    async def run_script(self, text: str) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            try:
                await connection.execute(text)
            except asyncpg.PostgresError as error:
                raise DatabaseError(f"script: {error}") from error

    async def close(self) -> None:
        await self._pool.pool.close()


async def fetch_once(url: str, text: str, given: list[Any], *, timeout: float) -> list[dict[str, Any]]:
    """The rows of one statement on a database of somebody else's, over a connection of its own (`timeout` in seconds).

    Raises:
        DatabaseError: it cannot be reached, or refuses.
    """
    try:
        connection = await asyncpg.connect(url, timeout=timeout, statement_cache_size=0)
        try:
            return [dict(row) for row in await connection.fetch(text, *given, timeout=timeout)]
        finally:
            await connection.close(timeout=5)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError, TimeoutError) as error:
        raise DatabaseError(str(error) or type(error).__name__) from error
