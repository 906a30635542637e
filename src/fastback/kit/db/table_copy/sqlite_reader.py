"""Read the tables of an SQLite file in one read transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import apsw

from fastback.kit.db.errors import DatabaseError, InvalidValueError
from fastback.kit.db.sqlite_connection import translate_error
from fastback.kit.db.table_copy.tables import BATCH_ROWS, BATCH_SIZE, Batch, Row, Table
from fastback.kit.db.table_copy.values import read_row

R = TypeVar("R")

#: Milliseconds that the first statement waits for another process.
_BUSY_TIMEOUT = 30_000


def quote_name(name: str) -> str:
    """Return a name of a table or a column as both engines read it."""
    return '"' + name.replace('"', '""') + '"'


class SqliteTableReader:
    """See `tables.TableReader`. Other connections write meanwhile, if the file has a write-ahead log."""

    def __init__(self, path: Path) -> None:
        """Begin the transaction.

        Raises:
            DatabaseError: the file does not exist or cannot be read.
        """
        if not path.is_file():
            raise DatabaseError(f"{path}: file not found")
        try:
            self._connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
            self._connection.set_busy_timeout(_BUSY_TIMEOUT)
            self._connection.execute("BEGIN")
            self._connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        except apsw.Error as error:
            raise translate_error(error, str(path)) from error

    async def _run(self, name: str, act: Callable[[], R]) -> R:
        """Return what a function returns that uses the connection, in a thread."""
        try:
            return await asyncio.to_thread(act)
        except apsw.Error as error:
            raise translate_error(error, name) from error
        except UnicodeDecodeError as error:
            raise InvalidValueError(f"{name}: a text is not UTF-8: {error}") from error

    async def _fetch(self, name: str, text: str) -> list[tuple[Any, ...]]:
        return await self._run(name, lambda: self._connection.execute(text).fetchall())

    async def list_columns(self) -> dict[str, list[str]]:
        columns: dict[str, list[str]] = {}
        text = """SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c
            WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY m.name, c.cid"""
        for table, column in await self._fetch("columns", text):
            columns.setdefault(table, []).append(column)
        return columns

    async def count_rows(self, table: Table) -> int:
        rows = await self._fetch(table.name, f"SELECT count(*) FROM {quote_name(table.name)}")
        return int(rows[0][0])

    async def read_batches(self, table: Table, after: str | None = None) -> AsyncIterator[Batch]:
        names = ", ".join(map(quote_name, table.column_names))
        text = f"SELECT rowid, {names} FROM {quote_name(table.name)} WHERE rowid > ? ORDER BY rowid"
        cursor = self._connection.cursor()
        start = -(2**63) if after is None else int(after)
        await self._run(table.name, lambda: cursor.execute(text, (start,), can_cache=False))
        while True:
            batch = await self._run(table.name, lambda: _read_batch(table, cursor))
            if not batch.rows:
                return
            yield batch

    async def close(self) -> None:
        self._connection.close()


def _read_batch(table: Table, cursor: apsw.Cursor) -> Batch:
    rows: list[Row] = []
    size = 0
    position = ""
    for rowid, *values in cursor:
        position = str(rowid)
        row = read_row(table, tuple(values))
        rows.append(row)
        size += sum([len(value) for value in row if type(value) is str])
        if size >= BATCH_SIZE or len(rows) >= BATCH_ROWS:
            break
    return Batch(rows, position)
