"""Fill the tables of a new SQLite file."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import apsw

from fastback.kit.db.errors import DatabaseBusy, DatabaseError
from fastback.kit.db.sqlite_connection import translate_error
from fastback.kit.db.table_copy.sqlite_reader import SqliteTableReader, quote_name
from fastback.kit.db.table_copy.tables import NOTES, Row, Table

R = TypeVar("R")

#: Milliseconds that a statement waits for another program that reads the file.
_BUSY_TIMEOUT = 10_000

_CREATE_NOTES = f"CREATE TABLE {NOTES} (name TEXT PRIMARY KEY, content TEXT NOT NULL)"
_WRITE_NOTE = (
    f"INSERT INTO {NOTES} (name, content) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET content = excluded.content"
)


class SqliteTableWriter:
    """See `tables.TableWriter`. The file is for this writer alone; an interrupted one is continued."""

    def __init__(self, path: Path) -> None:
        """Open or create the file.

        Raises:
            DatabaseError: the file cannot be written, or another writer has it.
        """
        self.path = path
        self._lock_path = path.with_name(path.name + ".lock")
        self._lock = _hold_lock(self._lock_path)
        try:
            self._connection = apsw.Connection(str(path))
            self._connection.set_busy_timeout(_BUSY_TIMEOUT)
            self._connection.execute("PRAGMA foreign_keys=OFF")  # as the reference keeps it
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute("PRAGMA cache_size=-16384")
            self._connection.execute("BEGIN IMMEDIATE; COMMIT")
        except apsw.Error as error:
            self._release_lock()
            raise translate_error(error, f"cannot write {path}") from error

    async def _run(self, name: str, act: Callable[[], R]) -> R:
        """Return what a function returns, in a thread and in a transaction."""

        def run_transaction() -> R:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                result = act()
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            return result

        try:
            return await asyncio.to_thread(run_transaction)
        except apsw.Error as error:
            raise translate_error(error, name) from error

    async def list_rows_per_table(self) -> dict[str, bool]:
        def list_rows() -> dict[str, bool]:
            names = self._connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
            ).fetchall()
            has_rows = "SELECT EXISTS (SELECT 1 FROM {})"
            return {
                str(name): bool(self._connection.execute(has_rows.format(quote_name(str(name)))).fetchall()[0][0])
                for (name,) in names
            }

        return await self._run("tables", list_rows)

    async def create_tables(self, statements: list[str]) -> None:
        def create() -> None:
            for statement in statements:
                self._connection.execute(statement)
            self._connection.execute(_CREATE_NOTES)

        await self._run("schema", create)

    async def read_notes(self) -> dict[str, str] | None:
        def read() -> dict[str, str] | None:
            text = "SELECT 1 FROM sqlite_master WHERE name = ?"
            if not self._connection.execute(text, (NOTES,)).fetchall():
                return None
            rows = self._connection.execute(f"SELECT name, content FROM {NOTES}").fetchall()
            return {str(name): str(content) for name, content in rows}

        return await self._run("notes", read)

    async def write_note(self, name: str, text: str) -> None:
        await self._run("notes", lambda: self._connection.execute(_WRITE_NOTE, (name, text)).fetchall())

    def adapt_rows(self, table: Table, rows: list[Row]) -> list[Row]:
        return rows

    async def write_rows(self, table: Table, rows: list[Row], note: str | None = None) -> None:
        names = ", ".join(map(quote_name, table.column_names))
        places = ", ".join("?" * len(table.columns))
        text = f"INSERT INTO {quote_name(table.name)} ({names}) VALUES ({places})"

        def insert() -> None:
            self._connection.executemany(text, rows, can_cache=False)
            if note is not None:
                self._connection.execute(_WRITE_NOTE, (table.name, note))

        await self._run(table.name, insert)

    async def delete_rows(self, table: Table) -> None:
        def delete() -> None:
            self._connection.execute(f"DELETE FROM {quote_name(table.name)}")
            self._connection.execute(f"DELETE FROM {NOTES} WHERE name = ?", (table.name,))

        await self._run(table.name, delete)

    async def open_reader(self) -> SqliteTableReader:
        return SqliteTableReader(self.path)

    async def finish(self, statements: list[str], tables: list[Table]) -> dict[str, int]:
        def complete() -> None:
            for statement in statements:
                self._connection.execute(statement)
            self._connection.execute(f"DROP TABLE {NOTES}")

        await self._run("schema", complete)
        return {}  # as the reference does not enforce foreign keys here, orphans stay as they are

    def _release_lock(self) -> None:
        self._lock_path.unlink(missing_ok=True)
        os.close(self._lock)

    async def close(self) -> None:
        self._connection.close()
        self._release_lock()


def _hold_lock(path: Path) -> int:
    """Return the descriptor of a locked file: the locks of SQLite itself last for one transaction.

    Raises:
        DatabaseError: another writer has locked it, or it cannot be created.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise DatabaseError(f"{path}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise DatabaseBusy(f"{path.with_suffix('')}: another command is writing it") from error
    return descriptor
