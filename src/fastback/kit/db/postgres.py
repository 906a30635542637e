"""PostgreSQL through asyncpg: a pool of connections, each with its prepared statements.

Losing a connection stays without effect where nothing was written: a single statement that reads, and the first
statement of a transaction, run once more on a new connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from time import perf_counter
from typing import Any, TypeVar

import asyncpg
from asyncpg import Connection

from fastback.kit.db.errors import DatabaseError, DatabaseUnavailable
from fastback.kit.db.pool_options import PoolOptions
from fastback.kit.db.postgres_errors import (
    DRIVER_ERRORS,
    describe_error,
    is_unsent,
)
from fastback.kit.db.postgres_pool import ConnectionPool, close_connection
from fastback.kit.db.query import compile_statement
from fastback.kit.db.rows import read_row, read_rows
from fastback.kit.db.statement_timings import record_timing
from fastback.kit.db.waiting_tasks import waiting_tasks
from fastback.kit.large_json import create_workers

R = TypeVar("R")

#: Number of rows from which `fetch_all_in_thread` reads them in a thread.
MANY_ROWS = 200

BEGIN = "BEGIN"
#: A long transaction may compute for long, but not wait for long while others wait for its connection.
BEGIN_LONG = "BEGIN; SET LOCAL statement_timeout = 0"
#: Scripts change the schema: they wait until all others have released the table.
BEGIN_SCRIPT = "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"

#: A method of asyncpg's connection that runs a statement.
_Method = Callable[..., Awaitable[Any]]


def _parse_row_count(status: str) -> int:
    """Return the row count at the end of a command tag such as `UPDATE 3`."""
    count = status.rsplit(" ", 1)[-1]
    return int(count) if count.isdigit() else 0


def _list_arguments(names: tuple[str, ...], params: dict[str, Any]) -> list[Any]:
    """Return the parameters in the order of `$1`, `$2`, …"""
    return [_adapt(params[name]) for name in names]


def _adapt(value: Any) -> Any:
    """Return what asyncpg takes: arrays as lists, and texts without NUL characters, which PostgreSQL refuses."""
    if isinstance(value, str):
        return value.replace("\0", "") if "\0" in value else value
    if isinstance(value, (list, set, frozenset, tuple)):
        return [_adapt(item) for item in value]
    return value


class PostgresExecutor:
    """The methods of `fastback.kit.db.database.Executor`, over `_call`, which finds a connection for a statement."""

    dialect: Any = "postgres"

    async def _call(self, name: str, method: _Method, text: str, arguments: tuple[Any, ...], *, writes: bool) -> Any:
        """Return what the method returns for a statement in PostgreSQL's dialect."""
        raise NotImplementedError

    async def _run(self, name: str, method: _Method, text: str, *arguments: Any, writes: bool) -> Any:
        """Call `_call`, and record the time that it takes."""
        task = asyncio.current_task()
        started = perf_counter()
        waiting_tasks.add(task)
        try:
            return await self._call(name, method, text, arguments, writes=writes)
        finally:
            waiting_tasks.discard(task)
            record_timing(name, perf_counter() - started)

    async def _fetch(self, name: str, text: str, params: dict[str, Any]) -> list[Any]:
        compiled = compile_statement(text)
        arguments = _list_arguments(compiled.names, params)
        rows: list[Any] = await self._run(name, Connection.fetch, compiled.postgres, *arguments, writes=compiled.writes)
        return rows

    async def fetch_all(self, row: type[R], name: str, text: str, /, **params: Any) -> list[R]:
        return read_rows(row, await self._fetch(name, text, params))

    async def fetch_first(self, row: type[R], name: str, text: str, /, **params: Any) -> R | None:
        rows = await self._fetch(name, text, params)
        return read_row(row, rows[0]) if rows else None

    async def fetch_value(self, name: str, text: str, /, **params: Any) -> Any:
        rows = await self._fetch(name, text, params)
        return rows[0][0] if rows else None

    async def execute(self, name: str, text: str, /, **params: Any) -> int:
        compiled = compile_statement(text)
        arguments = _list_arguments(compiled.names, params)
        return _parse_row_count(
            await self._run(name, Connection.execute, compiled.postgres, *arguments, writes=compiled.writes)
        )

    async def execute_many(self, name: str, text: str, rows: list[dict[str, Any]], /) -> None:
        compiled = compile_statement(text)
        arguments = [_list_arguments(compiled.names, row) for row in rows]
        await self._run(name, Connection.executemany, compiled.postgres, arguments, writes=True)


class PostgresTransaction(PostgresExecutor):
    """Statements on one connection, which the first of them acquires; see `fastback.kit.db.database.Transaction`.

    `begin` opens the transaction.
    """

    def __init__(self, pool: ConnectionPool, begin: str) -> None:
        self._pool = pool
        self._begin = begin
        self._connection: Connection | None = None
        self._is_interrupted = False

    async def _call(self, name: str, method: _Method, text: str, arguments: tuple[Any, ...], *, writes: bool) -> Any:
        is_first = self._connection is None
        try:
            return await self._attempt(name, method, text, arguments)
        except DatabaseUnavailable:
            if not is_first or self._connection is None or not self._connection.is_closed():
                raise
            # Nothing was committed with the connection.
            self._release()
            return await self._attempt(name, method, text, arguments, fresh=True)

    async def _attempt(
        self, name: str, method: _Method, text: str, arguments: tuple[Any, ...], *, fresh: bool = False
    ) -> Any:
        if self._connection is None:
            self._connection = await self._pool.acquire(fresh=fresh)
            await self._send(self._connection, "begin", Connection.execute, self._begin)
        return await self._send(self._connection, name, method, text, *arguments)

    async def _send(self, connection: Connection, name: str, method: _Method, *arguments: Any) -> Any:
        self._is_interrupted = True
        try:
            result = await method(connection, *arguments)
        except DRIVER_ERRORS as error:
            self._is_interrupted = False
            raise self._pool.explain_failure(error, name, connection) from error
        self._is_interrupted = False
        return result

    async def run_text(self, name: str, text: str) -> None:
        """Run statements that are separated by `;`, without parameters."""
        await self._run(name, Connection.execute, text, writes=True)

    async def commit(self) -> None:
        """Commit what the statements changed.

        Raises:
            DatabaseError: nothing is committed; after `DatabaseUnavailable` it may be.
        """
        if self._connection is None:
            return
        try:
            if await self._send(self._connection, "commit", Connection.execute, "COMMIT") != "COMMIT":
                raise DatabaseError("commit: a statement of the transaction has failed")
        finally:
            self._release()

    async def roll_back(self) -> None:
        """Undo what the statements changed; the pool does so where one of them was cancelled."""
        if self._connection is None:
            return
        try:
            if not self._is_interrupted and not self._connection.is_closed():
                with suppress(DatabaseError):
                    await self._send(self._connection, "roll back", Connection.execute, "ROLLBACK")
        finally:
            self._release()

    def _release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.release(connection, interrupted=self._is_interrupted)


class PostgresDatabase(PostgresExecutor):
    """See `fastback.kit.db.database.Database`."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self.index_lock = asyncio.Lock()
        self.disk_space = pool.disk_space
        self.json_workers = create_workers()

    @classmethod
    async def connect(cls, url: str, *, schema: str | None = None, options: PoolOptions) -> PostgresDatabase:
        """Open the database at a URL.

        Raises:
            DatabaseError: the server cannot be reached, or refuses the connection.
        """
        pool = ConnectionPool(url, options, schema=schema)
        await pool.open()
        return cls(pool)

    async def _call(self, name: str, method: _Method, text: str, arguments: tuple[Any, ...], *, writes: bool) -> Any:
        has_retried = False
        while True:
            connection = await self._pool.acquire(fresh=has_retried)
            is_interrupted = True
            try:
                result = await method(connection, text, *arguments)
                is_interrupted = False
                return result
            except DRIVER_ERRORS as error:
                is_interrupted = False
                failure = self._pool.explain_failure(error, name, connection)
                can_retry = not has_retried and (not writes or is_unsent(error))
                if not can_retry or not connection.is_closed():
                    raise failure from error
                has_retried = True
            finally:
                self._pool.release(connection, interrupted=is_interrupted)

    async def fetch_all_in_thread(self, row: type[R], name: str, text: str, /, **params: Any) -> list[R]:
        rows = await self._fetch(name, text, params)
        return read_rows(row, rows) if len(rows) < MANY_ROWS else await asyncio.to_thread(read_rows, row, rows)

    async def execute_in_thread(self, name: str, text: str, /, **params: Any) -> int:
        async with self.transaction(long=True) as tx:
            return await tx.execute(name, text, **params)

    @asynccontextmanager
    async def transaction(self, *, long: bool = False) -> AsyncIterator[PostgresTransaction]:
        async with self._begin(BEGIN_LONG if long else BEGIN) as tx:
            yield tx

    @asynccontextmanager
    async def _begin(self, begin: str) -> AsyncIterator[PostgresTransaction]:
        tx = PostgresTransaction(self._pool, begin)
        try:
            yield tx
        except BaseException:
            await tx.roll_back()
            raise
        await tx.commit()

    def get_change_stamp(self) -> int | None:
        return None

    def measure_pool(self) -> dict[str, int] | None:
        return self._pool.measure()

    async def run_script(self, text: str) -> None:
        async with self._begin(BEGIN_SCRIPT) as tx:
            await tx.run_text("script", text)

    async def run_unlimited(self, name: str, text: str) -> None:
        connection = await self._pool.open_apart()
        try:
            await connection.execute(text)
        except DRIVER_ERRORS as error:
            raise self._pool.explain_failure(error, name, connection) from error
        finally:
            await close_connection(connection)

    async def close(self) -> None:
        await self.json_workers.close()
        await self._pool.close()


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
    except (*DRIVER_ERRORS, ValueError) as error:
        raise DatabaseError(describe_error(error)) from error
