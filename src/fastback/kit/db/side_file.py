"""An SQLite file of our own beside the database: one thread writes, others read, the event loop is never blocked."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec

from fastback.kit.db.errors import DatabaseError
from fastback.kit.db.sqlite_connection import translate_error

log = logging.getLogger("fastback.db")

#: A connection to such a file, in the thread it belongs to.
Connection = apsw.Connection

R = TypeVar("R")

#: How long a statement waits for another process to release the file (milliseconds).
BUSY_TIMEOUT = 30_000
#: The same for another program's file, which that program should not use meanwhile.
_FOREIGN_BUSY_TIMEOUT = 5_000
#: Size of the journal after a large transaction (bytes).
_JOURNAL_SIZE = 64 << 20
_FLAGS = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
_SUFFIXES = ("", "-wal", "-shm", "-journal")


class SideFileDesign(msgspec.Struct, frozen=True):
    """The tables and settings of a side file.

    Attributes:
        version: of the tables, stored as the file's `user_version`.
        tables: statements that create the tables in a new file.
        prepare: called with each new connection, to add functions or to attach another database for reading.
        cache: KiB of the file that a connection keeps in memory.
        page: bytes of a page in a new file. Rows hold texts: large pages leave fewer bytes unused.
        replaceable: whether a file that is damaged, or of another version, is replaced by an empty one when it is
            opened; otherwise it is refused.
        permissions_of: a file whose permissions a new file gets; without it only the owner may read the file.
    """

    version: int
    tables: Sequence[str]
    prepare: Callable[[Connection], None] | None = None
    cache: int = 2048
    page: int = 16384
    replaceable: bool = False
    permissions_of: Path | None = None


class OtherVersion(DatabaseError):
    """A side file has a version that this program does not read."""


class SideFile:
    """The file at `path`; without a path, an empty database in the memory of each connection.

    The file and its directory are created when it is first used.
    """

    def __init__(self, path: Path | None, design: SideFileDesign, *, readers: int = 2) -> None:
        self.path = path
        self._design = design
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix="side-file-write")
        self._read_threads = ThreadPoolExecutor(readers, thread_name_prefix="side-file-read")
        self._local = threading.local()
        self._connections: list[Connection] = []
        self._connecting = threading.Lock()

    async def open(self, work: Callable[[Connection], None] | None = None) -> None:
        """Create the file where it is missing, or replace it if its design allows that; then call `work`, as `write`.

        Raises:
            DatabaseError: the file cannot be used, or a statement fails.
        """
        await self._run(self._write_thread, lambda: self._open_or_replace(work))

    async def write(self, work: Callable[[Connection], R]) -> R:
        """Call `work` in a transaction, in the thread that writes.

        Raises:
            DatabaseError: the file cannot be used, or a statement fails; the transaction is rolled back.
        """
        return await self._run(self._write_thread, lambda: self._run_transaction(work))

    async def read(self, work: Callable[[Connection], R]) -> R:
        """Call `work` in a thread that reads.

        Raises:
            DatabaseError: the file cannot be used, or a statement fails.
        """
        return await self._run(self._read_threads, lambda: work(self._get_connection()))

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[[], R]) -> R:
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        except apsw.Error as error:
            raise translate_error(error, str(self.path)) from error
        except OSError as error:
            raise DatabaseError(f"{self.path}: {error}") from error

    def _open_or_replace(self, work: Callable[[Connection], None] | None) -> None:
        try:
            self._open(work)
        except (apsw.CorruptError, apsw.NotADBError, OtherVersion) as error:
            if not self._design.replaceable:
                raise
            log.warning("%s is replaced by an empty file: %s", self.path, error)
            self._remove_file()
            self._open(work)

    def _open(self, work: Callable[[Connection], None] | None) -> None:
        self._get_connection()
        if work is not None:
            self._run_transaction(work)

    def _remove_file(self) -> None:
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        self._local = threading.local()
        if self.path is not None:
            for suffix in _SUFFIXES:
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def _run_transaction(self, work: Callable[[Connection], R]) -> R:
        connection = self._get_connection()
        self._roll_back(connection)  # where that failed the last time
        # A database that is attached read-only is only locked for reading.
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
            connection.execute("COMMIT")
            return result
        except BaseException:
            self._roll_back(connection)
            raise

    def _roll_back(self, connection: Connection) -> None:
        if connection.in_transaction:
            try:
                connection.execute("ROLLBACK")
            except apsw.Error as error:
                log.warning("%s: rolling a transaction back failed: %s", self.path, error)

    def _get_connection(self) -> Connection:
        """Return the connection of the calling thread."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            with self._connecting:
                connection = self._connect()
                self._connections.append(connection)
            self._local.connection = connection
        return connection

    def _connect(self) -> Connection:
        if self.path is not None and not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            source = self._design.permissions_of
            # By default for the owner alone: such a file holds what users wrote.
            mode = 0o600 if source is None else source.stat().st_mode & 0o777
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, mode))
            self.path.chmod(mode)
        connection = apsw.Connection(":memory:" if self.path is None else str(self.path), flags=_FLAGS)
        try:
            self._configure(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _configure(self, connection: Connection) -> None:
        connection.set_busy_timeout(BUSY_TIMEOUT)
        connection.execute(f"PRAGMA page_size={self._design.page}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA journal_size_limit={_JOURNAL_SIZE}")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute(f"PRAGMA cache_size=-{self._design.cache}")
        if self._design.prepare is not None:
            self._design.prepare(connection)
        if _get_version(connection) != self._design.version:
            self._create_tables(connection)

    def _create_tables(self, connection: Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        version = _get_version(connection)  # another process may have created the tables in this moment
        if version == 0:
            for statement in self._design.tables:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={self._design.version}")
        connection.execute("COMMIT")
        if version not in (0, self._design.version):
            raise OtherVersion(f"{self.path} was made by another version of Fastback (format {version})")

    async def close(self) -> None:
        """Wait for running work to end, and close the file."""
        self._write_thread.shutdown(wait=True)
        self._read_threads.shutdown(wait=True)
        for connection in self._connections:
            connection.close()


def open_foreign_file(path: Path) -> Connection:
    """Open another program's file for reading, in one thread at a time; it is never written.

    Raises:
        DatabaseError: the file is missing, or cannot be read.
    """
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(BUSY_TIMEOUT)
        connection.execute("SELECT 1 FROM sqlite_master").fetchall()
    except apsw.Error as error:
        raise translate_error(error, str(path)) from error
    return connection


class ForeignTransaction:
    """A transaction that writes to another program's file; without `commit` everything is discarded.

    Raises:
        DatabaseError: from every method, when the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        except apsw.Error as error:
            raise translate_error(error, str(path)) from error
        self._connection.set_busy_timeout(_FOREIGN_BUSY_TIMEOUT)
        self.execute("BEGIN IMMEDIATE")

    def execute(self, statement: str, params: Any = ()) -> list[Any]:
        """Run a statement and return its rows."""
        try:
            return self._connection.execute(statement, params).fetchall()
        except apsw.Error as error:
            raise translate_error(error, str(self._path)) from error

    def commit(self) -> None:
        """Make the changes permanent."""
        self.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _get_version(connection: Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchall()[0][0]  # type: ignore[assignment]
    return version
