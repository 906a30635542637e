"""SQLite through apsw: short statements inline in the event loop, long ones in a thread.

One connection writes, under a lock; another reads, so that a reader never sees half a transaction of ours. The
write-ahead log is folded back by a thread, because that is where SQLite waits for the disk.
"""

from __future__ import annotations

import asyncio
import datetime
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
import msgspec

from fastback.kit.db.errors import DatabaseError, IntegrityError
from fastback.kit.db.query import compile_statement
from fastback.kit.db.rows import read_rows
from fastback.kit.db.statement_timings import record_timing
from fastback.kit.workers.errors import JobFailed, WorkerDied
from fastback.kit.workers.pool import Limits, Workers

log = logging.getLogger("fastback.db")

R = TypeVar("R")
P = ParamSpec("P")


class Thread(Protocol):
    """Does something in a thread."""

    async def __call__(self, act: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R: ...


#: How long a statement waits for another process to let go of the file (milliseconds), and the other pragmas, unless
#: others are chosen.
PRAGMAS = {"busy_timeout": "30000", "synchronous": "NORMAL", "temp_store": "MEMORY", "cache_size": "-4096"}
#: Pages in the write-ahead log before a thread folds it back into the database.
CHECKPOINT_PAGES = 1000
#: Where statements on rows with megabytes of text run: a change of such a row copies it several times.
APART = Limits(processes=1, seconds=120, idle=20, jobs=100, niceness=10)


#: What a statement raises when somebody else has the file for too long.
BUSY = apsw.BusyError


def adapt_parameters(params: dict[str, Any]) -> dict[str, Any]:
    for name, value in params.items():
        if isinstance(value, (list, tuple, set, frozenset)):
            params[name] = msgspec.json.encode(value).decode()
        elif isinstance(value, datetime.date):
            params[name] = value.isoformat()
    return params


def translate_error(error: apsw.Error, name: str) -> DatabaseError:
    if isinstance(error, apsw.ConstraintError):
        return IntegrityError(f"{name}: {error}")
    return DatabaseError(f"{name}: {error}")


def _lower(*given: Any) -> Any:
    (text,) = given
    return text.lower() if isinstance(text, str) else text


def open_connection(path: str, pragmas: Mapping[str, str], *, wal: bool = False) -> apsw.Connection:
    """A connection that waits for nobody; with `wal` the one that switches the write-ahead log on, and keeps it.

    Raises:
        DatabaseError.
    """
    try:
        connection = apsw.Connection(path)
    except apsw.Error as error:
        raise DatabaseError(f"cannot open the SQLite database {path}: {error}") from error
    connection.create_scalar_function("lower", _lower, 1, deterministic=True)
    # Setting the journal mode needs the file for itself for a moment; afterwards nobody waits inside SQLite,
    # because waiting there would hold up the event loop.
    connection.set_busy_timeout(5000)
    try:
        if wal:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.wal_autocheckpoint(0)
        connection.execute("PRAGMA foreign_keys=OFF")  # as the reference keeps it
        for name, value in pragmas.items():
            connection.execute(f"PRAGMA {name}={value}")
    except apsw.Error as error:
        raise DatabaseError(f"cannot use the SQLite database {path}: {error}") from error
    connection.set_busy_timeout(0)
    return connection


class StatementRunner:
    """The statements of one connection; each runs at once, in the thread that calls."""

    dialect = "sqlite"

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection

    def fetch_rows(self, name: str, text: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
        started = perf_counter()
        try:
            return self.connection.execute(text, adapt_parameters(params)).fetchall()
        except apsw.BusyError:
            raise
        except apsw.Error as error:
            raise translate_error(error, name) from error
        finally:
            record_timing(name, perf_counter() - started)

    def execute(self, name: str, text: str, params: dict[str, Any]) -> int:
        self.fetch_rows(name, text, params)
        return self.connection.changes()

    def execute_many(self, name: str, text: str, rows: list[dict[str, Any]]) -> None:
        try:
            self.connection.executemany(text, [adapt_parameters(dict(row)) for row in rows])
        except apsw.BusyError:
            raise
        except apsw.Error as error:
            raise translate_error(error, name) from error


class SqliteTransaction:
    """Statements inside `BEGIN IMMEDIATE`; see `fastback.kit.db.database.Transaction`."""

    dialect: Any = "sqlite"

    def __init__(self, statements: StatementRunner) -> None:
        self._statements = statements

    async def fetch_all(self, row: type[R], name: str, text: str, /, **params: Any) -> list[R]:
        return read_rows(row, self._statements.fetch_rows(name, compile_statement(text).sqlite, params))

    async def fetch_first(self, row: type[R], name: str, text: str, /, **params: Any) -> R | None:
        found = self._statements.fetch_rows(name, compile_statement(text).sqlite, params)
        return read_rows(row, found[:1])[0] if found else None

    async def fetch_value(self, name: str, text: str, /, **params: Any) -> Any:
        found = self._statements.fetch_rows(name, compile_statement(text).sqlite, params)
        return found[0][0] if found else None

    async def execute(self, name: str, text: str, /, **params: Any) -> int:
        return self._statements.execute(name, compile_statement(text).sqlite, params)

    async def execute_many(self, name: str, text: str, rows: list[dict[str, Any]], /) -> None:
        self._statements.execute_many(name, compile_statement(text).sqlite, rows)


class SqliteLongTransaction:
    """As `SqliteTransaction`, each statement in a thread."""

    dialect: Any = "sqlite"

    def __init__(self, statements: StatementRunner, thread: Thread) -> None:
        self._statements = statements
        self._thread = thread

    async def _rows(self, name: str, text: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
        return await self._thread(self._statements.fetch_rows, name, compile_statement(text).sqlite, params)

    async def fetch_all(self, row: type[R], name: str, text: str, /, **params: Any) -> list[R]:
        return read_rows(row, await self._rows(name, text, params))

    async def fetch_first(self, row: type[R], name: str, text: str, /, **params: Any) -> R | None:
        found = await self._rows(name, text, params)
        return read_rows(row, found[:1])[0] if found else None

    async def fetch_value(self, name: str, text: str, /, **params: Any) -> Any:
        found = await self._rows(name, text, params)
        return found[0][0] if found else None

    async def execute(self, name: str, text: str, /, **params: Any) -> int:
        return await self._thread(self._statements.execute, name, compile_statement(text).sqlite, params)

    async def execute_many(self, name: str, text: str, rows: list[dict[str, Any]], /) -> None:
        await self._thread(self._statements.execute_many, name, compile_statement(text).sqlite, rows)


class SqliteDatabase:
    """See `fastback.kit.db.database.Database`."""

    dialect: Any = "sqlite"

    def __init__(self, path: Path | str, *, wal: bool = True, pragmas: Mapping[str, str] | None = None) -> None:
        self.path = str(path)
        self._wal = wal
        self._pragmas = {**PRAGMAS, **(pragmas or {})}
        self._patience = int(self._pragmas.pop("busy_timeout")) / 1000
        self._writer = StatementRunner(self._connect(write=True))
        self._reader = StatementRunner(self._connect())
        self._lock = asyncio.Lock()
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="sqlite")
        self._local = threading.local()
        self._thread_connections: list[apsw.Connection] = []
        self._checkpointing = False
        self._apart = Workers("fastback.kit.db.large_text", APART, name="statements on large rows")
        if wal:
            self._writer.connection.set_wal_hook(self._wal_grew)

    def _connect(self, *, write: bool = False) -> apsw.Connection:
        return open_connection(self.path, self._pragmas, wal=write and self._wal)

    def _wal_grew(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        if pages >= CHECKPOINT_PAGES and not self._checkpointing:
            self._checkpointing = True
            self._threads.submit(self._checkpoint)
        return apsw.SQLITE_OK

    def _checkpoint(self) -> None:
        try:
            self._thread_statements().connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error as error:
            log.debug("checkpoint put off: %s", error)
        finally:
            self._checkpointing = False

    def _thread_statements(self) -> StatementRunner:
        statements: StatementRunner | None = getattr(self._local, "statements", None)
        if statements is None:
            connection = self._connect()
            connection.set_busy_timeout(int(self._patience * 1000))
            self._thread_connections.append(connection)
            statements = self._local.statements = StatementRunner(connection)
        return statements

    async def _patiently(self, name: str, act: Callable[[], R]) -> R:
        """Do it; while another process holds the file, wait outside SQLite and try again."""
        deadline = 0.0
        pause = 0.002
        while True:
            try:
                return act()
            except apsw.BusyError as error:
                now = perf_counter()
                deadline = deadline or now + self._patience
                if now > deadline:
                    raise DatabaseError(f"{name}: the database is locked by another process") from error
                await asyncio.sleep(pause)
                pause = min(pause * 2, 0.1)

    async def _rows(self, name: str, text: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
        compiled = compile_statement(text)
        if not compiled.writes:
            try:
                return self._reader.fetch_rows(name, compiled.sqlite, params)
            except apsw.BusyError:
                return await self._patiently(name, lambda: self._reader.fetch_rows(name, compiled.sqlite, params))
        async with self._lock:
            return await self._patiently(name, lambda: self._writer.fetch_rows(name, compiled.sqlite, params))

    async def fetch_all(self, row: type[R], name: str, text: str, /, **params: Any) -> list[R]:
        return read_rows(row, await self._rows(name, text, params))

    async def fetch_first(self, row: type[R], name: str, text: str, /, **params: Any) -> R | None:
        found = await self._rows(name, text, params)
        return read_rows(row, found[:1])[0] if found else None

    async def fetch_value(self, name: str, text: str, /, **params: Any) -> Any:
        found = await self._rows(name, text, params)
        return found[0][0] if found else None

    async def execute(self, name: str, text: str, /, **params: Any) -> int:
        compiled = compile_statement(text)
        async with self._lock:
            return await self._patiently(name, lambda: self._writer.execute(name, compiled.sqlite, params))

    async def execute_apart(self, name: str, text: str, files: Mapping[str, str | Path], /, **params: Any) -> int:
        # Not under the lock: nobody need wait while the process starts. SQLite itself sees to who writes.
        return await self._asked_apart(name, text, params, files, None)

    async def text_apart(self, name: str, text: str, into: str | Path, /, **params: Any) -> bool:
        return await self._asked_apart(name, text, params, {}, str(into)) > 0

    async def _asked_apart(
        self, name: str, text: str, params: dict[str, Any], files: Mapping[str, str | Path], into: str | None
    ) -> int:
        job = {
            "path": self.path,
            "pragmas": self._pragmas,
            "patience": self._patience,
            "name": name,
            "statement": compile_statement(text).sqlite,
            "params": adapt_parameters(params),
            "files": {parameter: str(path) for parameter, path in files.items()},
            "into": into,
        }
        started = perf_counter()
        try:
            return int(await self._apart.ask(job))
        except JobFailed as error:
            raise DatabaseError(str(error)) from error
        except WorkerDied as error:
            raise DatabaseError(f"{name}: {error}") from error
        finally:
            record_timing(name, perf_counter() - started)

    async def execute_many(self, name: str, text: str, rows: list[dict[str, Any]], /) -> None:
        async with self.transaction() as tx:
            await tx.execute_many(name, text, rows)

    async def fetch_all_in_thread(self, row: type[R], name: str, text: str, /, **params: Any) -> list[R]:
        sqlite = compile_statement(text).sqlite

        def work() -> list[R]:
            return read_rows(row, self._thread_statements().fetch_rows(name, sqlite, params))

        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def execute_in_thread(self, name: str, text: str, /, **params: Any) -> int:
        sqlite = compile_statement(text).sqlite

        def work() -> int:
            changed = self._writer.execute(name, sqlite, params)
            self._writer.connection.execute("COMMIT")
            return changed

        async with self._begun():
            return await self._in_thread(work)

    async def _in_thread(self, act: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        work = functools.partial(act, *args, **kwargs)
        running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            # The thread still holds the connection: nobody may have it before the statement has ended.
            await asyncio.wait([running])
            raise

    @asynccontextmanager
    async def _begun(self) -> AsyncIterator[apsw.Connection]:
        """The writer's connection in a transaction, to be committed inside; what goes wrong takes it back."""
        connection = self._writer.connection
        async with self._lock:
            await self._patiently("begin", lambda: connection.execute("BEGIN IMMEDIATE"))
            try:
                yield connection
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @asynccontextmanager
    async def transaction(self, *, long: bool = False) -> AsyncIterator[SqliteTransaction | SqliteLongTransaction]:
        async with self._begun() as connection:
            if long:
                yield SqliteLongTransaction(self._writer, self._in_thread)
                await self._in_thread(connection.execute, "COMMIT")
            else:
                yield SqliteTransaction(self._writer)
                connection.execute("COMMIT")

    def get_change_stamp(self) -> int | None:
        # The pragma looks at the file; apsw's own data_version() only at what the connection has read so far.
        try:
            found = self._reader.connection.execute("PRAGMA data_version").fetchall()
        except apsw.Error:
            return None
        stamp: int = found[0][0]  # type: ignore[assignment]
        return stamp

    async def run_script(self, text: str) -> None:
        async with self.transaction():
            try:
                self._writer.connection.execute(text).fetchall()
            except apsw.Error as error:
                raise translate_error(error, "script") from error

    async def close(self) -> None:
        await self._apart.close()
        self._threads.shutdown(wait=True)
        for connection in (*self._thread_connections, self._reader.connection, self._writer.connection):
            connection.close()
