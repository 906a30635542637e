"""A SQLite file of our own, apart from the database: one thread writes, others read, nothing holds up the event loop.

It is opened when it is first used. Unlike derived tables (`fastback.kit.db.derived_tables`) it knows no other database.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import apsw
import msgspec

from fastback.kit.db.errors import DatabaseError

#: A connection to such a file, in the thread it belongs to.
Connection = apsw.Connection

R = TypeVar("R")

#: How long a statement waits for another process to let go of the file (milliseconds).
_PATIENCE = 30_000
#: What is left of the journal's file after a large transaction (bytes).
_JOURNAL = 64 << 20


class SideFileDesign(msgspec.Struct, frozen=True):
    """What a file looks like.

    Attributes:
        version: of the tables; a file of another version is refused.
        tables: statements that make them in a new file.
        prepare: called with each new connection, to add functions.
        cache: KiB of the file that a connection keeps in memory.
        page: bytes of a page in a new file.
    """

    version: int
    tables: Sequence[str]
    prepare: Callable[[Connection], None] | None = None
    cache: int = 2048
    page: int = 16384


class SideFile:
    """The file at `path`; its directory is made when it is missing."""

    def __init__(self, path: Path, design: SideFileDesign, *, readers: int = 2) -> None:
        self.path = path
        self._design = design
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="own-write")
        self._reading = ThreadPoolExecutor(readers, thread_name_prefix="own-read")
        self._local = threading.local()
        self._connections: list[Connection] = []
        self._making = threading.Lock()

    async def write(self, work: Callable[[Connection], R]) -> R:
        """Do `work` in a transaction, in the thread that writes.

        Raises:
            DatabaseError: the file cannot be used, or a statement fails; nothing of it stays.
        """
        return await self._run(self._writing, lambda: self._transaction(work))

    async def read(self, work: Callable[[Connection], R]) -> R:
        """Do `work` in a thread that reads.

        Raises:
            DatabaseError: the file cannot be used, or a statement fails.
        """
        return await self._run(self._reading, lambda: work(self._connection()))

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[[], R]) -> R:
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        except (apsw.Error, OSError) as error:
            raise DatabaseError(f"{self.path}: {error}") from error

    def _transaction(self, work: Callable[[Connection], R]) -> R:
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            found = work(connection)
            connection.execute("COMMIT")
            return found
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _connection(self) -> Connection:
        found: Connection | None = getattr(self._local, "connection", None)
        if found is None:
            with self._making:
                found = self._connect()
                self._connections.append(found)
            self._local.connection = found
        return found

    def _connect(self) -> Connection:
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))  # it holds what people wrote
        connection = apsw.Connection(str(self.path))
        try:
            self._dress(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _dress(self, connection: Connection) -> None:
        connection.set_busy_timeout(_PATIENCE)
        connection.execute(f"PRAGMA page_size={self._design.page}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA journal_size_limit={_JOURNAL}")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute(f"PRAGMA cache_size=-{self._design.cache}")
        if self._design.prepare is not None:
            self._design.prepare(connection)
        if _version(connection) == self._design.version:
            return
        connection.execute("BEGIN IMMEDIATE")
        found = _version(connection)  # another process may have made the tables in this moment
        if found == 0:
            for statement in self._design.tables:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={self._design.version}")
        connection.execute("COMMIT")
        if found not in (0, self._design.version):
            raise DatabaseError(f"{self.path} was made by another version of Fastback (format {found})")

    async def close(self) -> None:
        """Let what is being done end, and close the file."""
        self._writing.shutdown(wait=True)
        self._reading.shutdown(wait=True)
        for connection in self._connections:
            connection.close()


def open_foreign_file(path: Path) -> Connection:
    """A connection to somebody else's file, which is never written; for one thread at a time.

    Raises:
        DatabaseError: there is none, or it cannot be read.
    """
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(_PATIENCE)
        connection.execute("SELECT 1 FROM sqlite_master").fetchall()
    except apsw.Error as error:
        raise DatabaseError(f"{path}: {error}") from error
    return connection


def _version(connection: Connection) -> int:
    found: int = connection.execute("PRAGMA user_version").fetchall()[0][0]  # type: ignore[assignment]
    return found
