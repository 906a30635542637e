"""PostgreSQL through asyncpg: a pool of connections, each with its prepared statements."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any, TypeVar

import asyncpg

from fastback.kit.db.errors import DatabaseError, IntegrityError
from fastback.kit.db.query import compile_statement
from fastback.kit.db.rows import read_rows
from fastback.kit.db.statement_timings import record_timing

R = TypeVar("R")

#: Seconds that the server has to accept a connection.
CONNECT_TIMEOUT = 30.0
#: Number of rows from which `fetch_all_in_thread` reads them in a thread.
MANY_ROWS = 1000
#: What a statement can raise.
_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


def _translate_error(error: Exception, name: str) -> DatabaseError:
    """Return the error of `kit.db.errors` for one that the statement `name` raised."""
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return IntegrityError(f"{name}: {error}")
    return DatabaseError(f"{name}: {error}")


def _parse_row_count(status: str) -> int:
    """Return the row count at the end of a command tag such as `UPDATE 3`."""
    count = status.rsplit(" ", 1)[-1]
    return int(count) if count.isdigit() else 0


def _list_arguments(names: tuple[str, ...], params: dict[str, Any]) -> list[Any]:
    """Return the parameters in the order of `$1`, `$2`, …; asyncpg takes lists, but no sets and tuples, as arrays."""
    return [list(value) if isinstance(value := params[name], (set, frozenset, tuple)) else value for name in names]


class PostgresExecutor:
    """Run statements on what has asyncpg's `fetch` and `execute`: a pool, or one connection in a transaction."""

    dialect: Any = "postgres"

    def __init__(self, target: Any) -> None:
        self._target = target

    async def _fetch(self, name: str, text: str, params: dict[str, Any]) -> list[Any]:
        compiled = compile_statement(text)
        started = perf_counter()
        try:
            rows: list[Any] = await self._target.fetch(compiled.postgres, *_list_arguments(compiled.names, params))
            return rows
        except _ERRORS as error:
            raise _translate_error(error, name) from error
        finally:
            record_timing(name, perf_counter() - started)

    async def fetch_all(self, row: type[R], name: str, text: str, /, **params: Any) -> list[R]:
        return read_rows(row, await self._fetch(name, text, params))

    async def fetch_first(self, row: type[R], name: str, text: str, /, **params: Any) -> R | None:
        rows = await self._fetch(name, text, params)
        return read_rows(row, rows[:1])[0] if rows else None

    async def fetch_value(self, name: str, text: str, /, **params: Any) -> Any:
        rows = await self._fetch(name, text, params)
        return rows[0][0] if rows else None

    async def execute(self, name: str, text: str, /, **params: Any) -> int:
        compiled = compile_statement(text)
        started = perf_counter()
        try:
            status = await self._target.execute(compiled.postgres, *_list_arguments(compiled.names, params))
            return _parse_row_count(status)
        except _ERRORS as error:
            raise _translate_error(error, name) from error
        finally:
            record_timing(name, perf_counter() - started)

    async def execute_many(self, name: str, text: str, rows: list[dict[str, Any]], /) -> None:
        compiled = compile_statement(text)
        arguments = [_list_arguments(compiled.names, row) for row in rows]
        try:
            await self._target.executemany(compiled.postgres, arguments)
        except _ERRORS as error:
            raise _translate_error(error, name) from error


class _TimedPool:
    """A pool whose connections are waited for no longer than `timeout` seconds."""

    def __init__(self, pool: Any, timeout: float) -> None:
        self.pool = pool
        self._timeout = max(timeout, 0.05)

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Any]:
        """Yield a connection, and release it at the end.

        Raises:
            DatabaseError: no connection became free in time.
        """
        try:
            connection = await self.pool.acquire(timeout=self._timeout)
        except TimeoutError as error:
            text = f"no connection to PostgreSQL became free within {self._timeout:g} seconds (DATABASE_POOL_TIMEOUT)"
            raise DatabaseError(text) from error
        try:
            yield connection
        finally:
            await self.pool.release(connection)

    async def fetch(self, *arguments: Any) -> Any:
        async with self.acquire() as connection:
            return await connection.fetch(*arguments)

    async def execute(self, *arguments: Any) -> Any:
        async with self.acquire() as connection:
            return await connection.execute(*arguments)

    async def executemany(self, *arguments: Any) -> Any:
        async with self.acquire() as connection:
            return await connection.executemany(*arguments)


class PostgresDatabase(PostgresExecutor):
    """See `fastback.kit.db.database.Database`."""

    def __init__(self, pool: _TimedPool) -> None:
        super().__init__(pool)
        self._pool = pool
        self.index_lock = asyncio.Lock()

    @classmethod
    async def connect(
        cls, url: str, *, schema: str | None = None, size: int = 10, timeout: float = 30.0, recycle: float = 3600.0
    ) -> PostgresDatabase:
        """Open a pool of at most `size` connections.

        A statement waits up to `timeout` seconds for one of them. An idle connection is closed after `recycle` seconds;
        at 0 or less, never.

        Raises:
            DatabaseError: the server cannot be reached, or refuses the connection.
        """
        settings = {"application_name": "fastback"}
        if schema:
            settings["search_path"] = schema
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=max(size, 1),
                timeout=CONNECT_TIMEOUT,
                max_inactive_connection_lifetime=max(recycle, 0.0),
                server_settings=settings,
            )
        except (asyncpg.PostgresError, OSError, ValueError, TimeoutError) as error:
            raise DatabaseError(f"cannot connect to PostgreSQL: {error}") from error
        return cls(_TimedPool(pool, timeout))

    async def fetch_all_in_thread(self, row: type[R], name: str, text: str, /, **params: Any) -> list[R]:
        rows = await self._fetch(name, text, params)
        return read_rows(row, rows) if len(rows) < MANY_ROWS else await asyncio.to_thread(read_rows, row, rows)

    async def execute_in_thread(self, name: str, text: str, /, **params: Any) -> int:
        return await self.execute(name, text, **params)

    @asynccontextmanager
    async def transaction(self, *, long: bool = False) -> AsyncIterator[PostgresExecutor]:
        async with self._pool.acquire() as connection, connection.transaction():
            yield PostgresExecutor(connection)

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


async def fetch_once(url: str, text: str, arguments: list[Any], *, timeout: float) -> list[dict[str, Any]]:
    """Return the rows of one statement on another program's database, over a connection of its own.

    `timeout` is in seconds, for the connection and for the statement.

    Raises:
        DatabaseError: the server cannot be reached, or the statement fails.
    """
    try:
        connection = await asyncpg.connect(url, timeout=timeout, statement_cache_size=0)
        try:
            return [dict(row) for row in await connection.fetch(text, *arguments, timeout=timeout)]
        finally:
            await connection.close(timeout=5)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError, TimeoutError) as error:
        raise DatabaseError(str(error) or type(error).__name__) from error
