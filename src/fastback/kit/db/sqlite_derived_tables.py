"""Derived tables of SQLite, in a file of their own; see `fastback.kit.db.derived_tables`."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import quote

import apsw

from fastback.kit.db.database import Dialect
from fastback.kit.db.derived_tables import TableChange, TablesDesign
from fastback.kit.db.errors import DatabaseError
from fastback.kit.db.query import compile_statement
from fastback.kit.db.rows import read_rows
from fastback.kit.db.sqlite import StatementRunner

log = logging.getLogger("fastback.db")

R = TypeVar("R")

#: How long a statement waits for another process to let go of a file (seconds).
_PATIENCE = 30.0
_FLAGS = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
_SIBLINGS = ("", "-wal", "-shm", "-journal")


class DerivedFile:
    """One thread writes, two read, each with a connection of its own."""

    dialect: Dialect = "sqlite"
    has_optional = True

    def __init__(self, main: Path, path: Path, design: TablesDesign) -> None:
        self.path = path
        self._main = main
        self._design = design
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="derived-write")
        self._reading = ThreadPoolExecutor(2, thread_name_prefix="derived-read")
        self._local = threading.local()
        self._connections: list[apsw.Connection] = []
        self._opened = asyncio.Event()
        self._at = str(path)

    def _connect(self) -> apsw.Connection:
        connection = apsw.Connection(self._at, flags=_FLAGS)
        self._connections.append(connection)
        connection.set_busy_timeout(int(_PATIENCE * 1000))
        connection.execute("PRAGMA page_size=16384")  # rows hold texts: fewer bytes are left over in a page
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute("PRAGMA cache_size=-2048")
        # For reading alone: a transaction here must never lock the database.
        connection.execute("ATTACH :path AS main_database", {"path": f"file:{quote(str(self._main))}?mode=ro"})
        for name, function in self._design.functions.items():
            connection.create_scalar_function(name, cast(Any, function), 1, deterministic=True)
        return connection

    def _statements(self) -> StatementRunner:
        found: StatementRunner | None = getattr(self._local, "statements", None)
        if found is None:
            found = self._local.statements = StatementRunner(self._connect())
        return found

    def _open(self) -> None:
        try:
            self._make()
        except (apsw.CorruptError, apsw.NotADBError):
            log.warning("%s is damaged: it is made anew", self.path)
            self._discard()
            self._make()

    def _make(self) -> None:
        if not self.path.exists():
            # Whoever may not read the database must not read what is made of it.
            mode = self._main.stat().st_mode & 0o777
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, mode))
            self.path.chmod(mode)
        connection = self._statements().connection
        found = connection.execute("PRAGMA user_version").fetchall()[0][0]
        if found not in (0, self._design.version):
            self._discard()
            self._make()
            return
        with connection:
            for statement in self._design.tables[self.dialect]:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={self._design.version}")

    def _discard(self) -> None:
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        self._local = threading.local()
        for ending in _SIBLINGS:
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)

    async def open(self) -> None:
        try:
            await self._run(self._writing, self._open)
        except DatabaseError:
            # Statements over the database alone go on.
            self._at = ":memory:"
            self._local = threading.local()
            raise
        finally:
            self._opened.set()

    @staticmethod
    async def _run(threads: ThreadPoolExecutor, work: Callable[[], R]) -> R:
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        except (apsw.Error, OSError) as error:
            raise DatabaseError(f"derived tables: {error}") from error

    async def fetch_all_in_thread(self, row: type[R], name: str, text: str, /, **params: Any) -> list[R]:
        await self._opened.wait()
        sqlite = compile_statement(text).sqlite
        return await self._run(
            self._reading, lambda: read_rows(row, self._statements().fetch_rows(name, sqlite, params))
        )

    def _apply(self, changes: Sequence[TableChange]) -> None:
        statements = self._statements()
        # Deferred, so that the attached database is not locked; the first statement locks this file.
        statements.connection.execute("BEGIN")
        try:
            for change in changes:
                statements.fetch_rows(change.name, compile_statement(change.text).sqlite, dict(change.params))
            statements.connection.execute("COMMIT")
        except BaseException:
            if statements.connection.in_transaction:
                statements.connection.execute("ROLLBACK")
            raise

    async def apply_changes(self, changes: Sequence[TableChange]) -> None:
        await self._run(self._writing, lambda: self._apply(changes))

    async def close(self) -> None:
        self._opened.set()
        self._writing.shutdown(wait=True)
        self._reading.shutdown(wait=True)
        for connection in self._connections:
            connection.close()
