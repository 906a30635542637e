"""SQLite through apsw: short statements inline in the event loop, long ones in a thread.

One connection writes, under a lock; another one reads, so that a reader never sees half a transaction of this process.
A thread checkpoints the write-ahead log, because a checkpoint waits for the disk.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, ParamSpec, Protocol, TypeVar

import apsw

from fastback.kit.db.disk_space import DiskSpace
from fastback.kit.db.errors import DatabaseBusy, DatabaseError
from fastback.kit.db.query import compile_statement
from fastback.kit.db.rows import read_row, read_rows
from fastback.kit.db.sqlite_connection import PRAGMAS, StatementRunner, open_connection, translate_error
from fastback.kit.large_json import create_workers
from fastback.kit.workers.pool import Limits, WorkerPool

log = logging.getLogger("fastback.db")

R = TypeVar("R")
P = ParamSpec("P")

#: Pages in the write-ahead log before a thread checkpoints it.
CHECKPOINT_PAGES = 1000
#: Write some pages, and leave nothing behind.
PROBE_SPACE_SQLITE = """
    CREATE TABLE fastback_space_probe AS SELECT zeroblob(65536);
    DROP TABLE fastback_space_probe"""
#: Limits of the process that runs statements on rows with megabytes of text (see `large_text`).
_LARGE_TEXT_LIMITS = Limits(processes=1, seconds=120, idle=20, jobs=100, niceness=10)


class RunInThread(Protocol):
    """Call a function in a thread and return its result."""

    async def __call__(self, act: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R: ...


class RowFetcher:
    """The methods that return rows, over `_fetch_rows`, which runs a statement."""

    async def _fetch_rows(self, name: str, text: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
        raise NotImplementedError

    async def fetch_all(self, row: type[R], name: str, text: str, /, **params: Any) -> list[R]:
        return read_rows(row, await self._fetch_rows(name, text, params))

    async def fetch_first(self, row: type[R], name: str, text: str, /, **params: Any) -> R | None:
        rows = await self._fetch_rows(name, text, params)
        return read_row(row, rows[0]) if rows else None

    async def fetch_value(self, name: str, text: str, /, **params: Any) -> Any:
        rows = await self._fetch_rows(name, text, params)
        return rows[0][0] if rows else None


def act_on_connection(act: Callable[[apsw.Connection], R], connection: apsw.Connection) -> R:
    """Return what `act` returns for a connection.

    Raises:
        DatabaseError: a statement of it fails (see `translate_error`).
    """
    try:
        return act(connection)
    except apsw.Error as error:
        raise translate_error(error, "large column") from error


class SqliteTransaction:
    """Statements after `BEGIN IMMEDIATE`; see `fastback.kit.db.database.Transaction`."""

    dialect: Any = "sqlite"

    def __init__(self, statements: StatementRunner) -> None:
        self._statements = statements

    async def fetch_all(self, row: type[R], name: str, text: str, /, **params: Any) -> list[R]:
        return read_rows(row, self._statements.fetch_rows(name, compile_statement(text).sqlite, params))

    async def fetch_first(self, row: type[R], name: str, text: str, /, **params: Any) -> R | None:
        rows = self._statements.fetch_rows(name, compile_statement(text).sqlite, params)
        return read_row(row, rows[0]) if rows else None

    async def fetch_value(self, name: str, text: str, /, **params: Any) -> Any:
        rows = self._statements.fetch_rows(name, compile_statement(text).sqlite, params)
        return rows[0][0] if rows else None

    async def execute(self, name: str, text: str, /, **params: Any) -> int:
        return self._statements.execute(name, compile_statement(text).sqlite, params)

    async def execute_many(self, name: str, text: str, rows: list[dict[str, Any]], /) -> None:
        self._statements.execute_many(name, compile_statement(text).sqlite, rows)

    async def run_on_connection(self, act: Callable[[apsw.Connection], R]) -> R:
        """Return what `act` returns for the connection of the transaction."""
        return act_on_connection(act, self._statements.connection)


class SqliteLongTransaction(RowFetcher):
    """As `SqliteTransaction`, with each statement in a thread."""

    dialect: Any = "sqlite"

    def __init__(self, statements: StatementRunner, run_in_thread: RunInThread) -> None:
        self._statements = statements
        self._run_in_thread = run_in_thread

    async def _fetch_rows(self, name: str, text: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
        return await self._run_in_thread(self._statements.fetch_rows, name, compile_statement(text).sqlite, params)

    async def execute(self, name: str, text: str, /, **params: Any) -> int:
        return await self._run_in_thread(self._statements.execute, name, compile_statement(text).sqlite, params)

    async def execute_many(self, name: str, text: str, rows: list[dict[str, Any]], /) -> None:
        await self._run_in_thread(self._statements.execute_many, name, compile_statement(text).sqlite, rows)

    async def run_on_connection(self, act: Callable[[apsw.Connection], R]) -> R:
        """Return what `act` returns for the connection of the transaction, in a thread."""
        return await self._run_in_thread(act_on_connection, act, self._statements.connection)


class SqliteDatabase(RowFetcher):
    """See `fastback.kit.db.database.Database`.

    Attributes:
        path: of the database file.
        pragmas: of each connection, by name, without `busy_timeout`.
        busy_timeout: seconds that a statement waits for another process to release the file.
        large_text_workers: run the statements of `fastback.kit.db.large_text`.
    """

    dialect: Any = "sqlite"

    def __init__(self, path: Path | str, *, wal: bool = True, pragmas: Mapping[str, str] | None = None) -> None:
        self.path = str(path)
        self.pragmas = {**PRAGMAS, **(pragmas or {})}
        self.busy_timeout = int(self.pragmas.pop("busy_timeout")) / 1000
        self.index_lock = asyncio.Lock()
        self.disk_space = DiskSpace(self._probe_space)
        self._wal = wal
        self._writer = StatementRunner(self._connect(write=True))
        self._reader = StatementRunner(self._connect())
        self._lock = asyncio.Lock()
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="sqlite")
        self._local = threading.local()
        self._thread_connections: list[apsw.Connection] = []
        self._checkpointing = False
        self.large_text_workers = WorkerPool(
            "fastback.kit.db.large_text_worker", _LARGE_TEXT_LIMITS, name="statements on large rows"
        )
        self.json_workers = create_workers()
        if wal:
            self._writer.connection.set_wal_hook(self._checkpoint_if_large)

    def _connect(self, *, write: bool = False) -> apsw.Connection:
        return open_connection(self.path, self.pragmas, wal=write and self._wal)

    def _checkpoint_if_large(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        if pages >= CHECKPOINT_PAGES and not self._checkpointing:
            self._checkpointing = True
            self._threads.submit(self._checkpoint)
        return apsw.SQLITE_OK

    def _checkpoint(self) -> None:
        try:
            self._get_thread_statements().connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error as error:
            log.debug("checkpoint failed, retrying after the next write: %s", error)
        finally:
            self._checkpointing = False

    def _get_thread_statements(self) -> StatementRunner:
        """Return the statements on the connection of the calling thread."""
        statements: StatementRunner | None = getattr(self._local, "statements", None)
        if statements is None:
            connection = self._connect()
            connection.set_busy_timeout(int(self.busy_timeout * 1000))
            self._thread_connections.append(connection)
            statements = self._local.statements = StatementRunner(connection)
        return statements

    async def _retry_while_busy(self, run: Callable[..., R], name: str, text: str, params: dict[str, Any]) -> R:
        """Run a statement; while another process holds the file, wait outside SQLite and retry.

        `run` is a method of `StatementRunner`.
        """
        deadline = 0.0
        pause = 0.002
        while True:
            try:
                return run(name, text, params)
            except DatabaseBusy:
                now = perf_counter()
                deadline = deadline or now + self.busy_timeout
                if now > deadline:
                    raise
            except DatabaseError as error:
                self.disk_space.report_failure(error)
                raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.1)

    async def _probe_space(self) -> None:
        await self.run_script(PROBE_SPACE_SQLITE)

    async def _fetch_rows(self, name: str, text: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
        compiled = compile_statement(text)
        if not compiled.writes:
            try:
                return self._reader.fetch_rows(name, compiled.sqlite, params)
            except DatabaseBusy:
                return await self._retry_while_busy(self._reader.fetch_rows, name, compiled.sqlite, params)
        async with self._lock:
            return await self._retry_while_busy(self._writer.fetch_rows, name, compiled.sqlite, params)

    async def execute(self, name: str, text: str, /, **params: Any) -> int:
        compiled = compile_statement(text)
        async with self._lock:
            return await self._retry_while_busy(self._writer.execute, name, compiled.sqlite, params)

    async def execute_many(self, name: str, text: str, rows: list[dict[str, Any]], /) -> None:
        async with self.transaction() as tx:
            await tx.execute_many(name, text, rows)

    async def fetch_all_in_thread(self, row: type[R], name: str, text: str, /, **params: Any) -> list[R]:
        sqlite = compile_statement(text).sqlite

        def fetch() -> list[R]:
            return read_rows(row, self._get_thread_statements().fetch_rows(name, sqlite, params))

        return await asyncio.get_running_loop().run_in_executor(self._threads, fetch)

    async def run_on_connection(self, act: Callable[[apsw.Connection], R]) -> R:
        """Return what `act`, which only reads, returns for a thread's connection."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: act_on_connection(act, self._get_thread_statements().connection)
        )

    async def execute_in_thread(self, name: str, text: str, /, **params: Any) -> int:
        async with self.transaction(long=True) as tx:
            return await tx.execute(name, text, **params)

    async def _run_in_thread(self, act: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        work = functools.partial(act, *args, **kwargs)
        running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            # The thread still uses the connection: keep the lock until the statement has ended.
            await asyncio.wait([running])
            raise

    @asynccontextmanager
    async def transaction(self, *, long: bool = False) -> AsyncIterator[SqliteTransaction | SqliteLongTransaction]:
        async with self._lock:
            self._roll_back()  # where that failed the last time
            await self._retry_while_busy(self._writer.fetch_rows, "begin", "BEGIN IMMEDIATE", {})
            try:
                if long:
                    yield SqliteLongTransaction(self._writer, self._run_in_thread)
                    await self._run_in_thread(self._commit_waiting)
                else:
                    yield SqliteTransaction(self._writer)
                    await self._retry_while_busy(self._writer.fetch_rows, "commit", "COMMIT", {})
            except BaseException as error:
                self.disk_space.report_failure(error)
                self._roll_back()
                raise

    def _commit_waiting(self) -> None:
        """Commit in a thread; without a write-ahead log, wait there for those who read the file."""
        connection = self._writer.connection
        connection.set_busy_timeout(int(self.busy_timeout * 1000))
        try:
            self._writer.fetch_rows("commit", "COMMIT", {})
        finally:
            connection.set_busy_timeout(0)

    def _roll_back(self) -> None:
        if self._writer.connection.in_transaction:
            try:
                self._writer.fetch_rows("roll back", "ROLLBACK", {})
            except DatabaseError as error:
                log.warning("rolling a transaction back failed, retrying before the next one: %s", error)

    def get_change_stamp(self) -> int | None:
        # The pragma looks at the file; apsw's own data_version() only at what the connection has read so far.
        try:
            rows = self._reader.connection.execute("PRAGMA data_version").fetchall()
        except apsw.Error:
            return None
        stamp: int = rows[0][0]  # type: ignore[assignment]
        return stamp

    def measure_pool(self) -> dict[str, int] | None:
        return None

    async def run_script(self, text: str) -> None:
        async with self.transaction():
            try:
                self._writer.connection.execute(text).fetchall()
            except apsw.Error as error:
                raise translate_error(error, "script") from error

    async def run_unlimited(self, name: str, text: str) -> None:
        await self.execute_in_thread(name, text)

    async def close(self) -> None:
        await self.disk_space.close()
        await self.large_text_workers.close()
        await self.json_workers.close()
        # A statement of a thread, such as the creation of an index, must not hold up the end of the process.
        for connection in (*self._thread_connections, self._writer.connection):
            connection.interrupt()
        self._threads.shutdown(wait=True)
        # Where it has met no statement, an interrupt lasts until the next one: the write-ahead log would stay.
        self._writer.connection.execute("SELECT 1").fetchall()
        for connection in (*self._thread_connections, self._reader.connection, self._writer.connection):
            connection.close()
