"""Read and write a column with megabytes of text without holding the event loop, inside and outside of transactions.

SQLite reads and writes the bytes in slices, in a thread. PostgreSQL gives the text
as many short rows, and takes it in slices, as a large object.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar, cast

from fastback.kit.db.database import Database, Executor, Transaction
from fastback.kit.db.large_objects import create_object, remove_object
from fastback.kit.large_json import LARGE_SIZE, Buffer, iterate_slices, join_parts, map_memory, regroup_parts

if TYPE_CHECKING:
    import apsw

R = TypeVar("R")

#: Bytes of PostgreSQL's compressed texts that may be large: it compresses texts of chats to a third, rarely to a 30th.
_SMALL_COMPRESSED = 16 * 1024

_SLICE_FUNCTION = "fastback_slice"


class LargeColumn(NamedTuple):
    """A JSON column with texts of any size, in a table with the key `id`."""

    table: str
    column: str

    def build_small_only(self) -> dict[Any, str]:
        """Return the expression, by dialect, that is the column where its text is small, else NULL."""
        column = self.column
        is_small_postgres = (
            f"pg_column_size({column}) <= {_SMALL_COMPRESSED} OR octet_length(CAST({column} AS TEXT)) <= {LARGE_SIZE}"
        )
        return {
            "sqlite": f"CASE WHEN octet_length({column}) <= {LARGE_SIZE} THEN {column} END",
            "postgres": f"CASE WHEN {is_small_postgres} THEN {column} END",
        }


class _SqliteExecutor(Protocol):
    async def run_on_connection(self, act: Callable[[apsw.Connection], R]) -> R: ...


async def is_large(db: Executor, large: LargeColumn, row_id: str) -> bool:
    """Return whether a transaction that changes the column of a row must be a long one."""
    if db.dialect == "postgres":
        return False  # its statements never hold the event loop
    text = f"SELECT octet_length({large.column}) FROM {large.table} WHERE id = :id"
    return (await db.fetch_value(f"{large.table}.measure", text, id=row_id) or 0) > LARGE_SIZE


async def fetch_row(db: Database, large: LargeColumn, row: type[R], name: str, text: str, /, **params: Any) -> R | None:
    """Return what a statement selects of the row `:id`, or None where there is no such row.

    SQLite reads all of a column to find those behind it; where it is large, a thread does so.
    """
    if not await is_large(db, large, params["id"]):
        return await db.fetch_first(row, name, text, **params)
    rows = await db.fetch_all_in_thread(row, name, text, **params)
    return rows[0] if rows else None


async def change_row(db: Database, large: LargeColumn, name: str, text: str, /, **params: Any) -> int:
    """Run a statement that changes the row `:id`, and return the number of changed rows.

    SQLite writes all of a row to change one column of it; where the row is large, a thread does so.
    """
    if await is_large(db, large, params["id"]):
        return await db.execute_in_thread(name, text, **params)
    return await db.execute(name, text, **params)


async def fetch_large(db: Executor, large: LargeColumn, row_id: str) -> memoryview | None:
    """Return the text of a row's column in UTF-8, in mapped memory; None where it is NULL, or there is no such row."""
    if db.dialect == "sqlite":
        return await cast(_SqliteExecutor, db).run_on_connection(lambda connection: _read(connection, large, row_id))
    text = f"""WITH row_text(content) AS MATERIALIZED
            (SELECT convert_to(CAST({large.column} AS TEXT), 'UTF8') FROM {large.table} WHERE id = :id)
        SELECT substr(content, i, 65536) FROM row_text, generate_series(1, length(content), 65536) AS i ORDER BY i"""
    pieces = await db.fetch_all(bytes, f"{large.table}.fetch_large", text, id=row_id)
    return await asyncio.to_thread(join_parts, pieces) if pieces else None


async def write_large(tx: Transaction, large: LargeColumn, row_id: str, parts: Iterable[Buffer]) -> None:
    """Replace the text of a row's column by these parts, in UTF-8; in SQLite the transaction must be a long one."""
    slices = regroup_parts(parts)
    if tx.dialect == "sqlite":
        await cast(_SqliteExecutor, tx).run_on_connection(lambda connection: _write(connection, large, row_id, slices))
        return
    oid = await create_object(tx, _iterate_asynchronously(slices))
    await tx.execute(
        f"{large.table}.write_large",
        f"""UPDATE {large.table} SET {large.column} = CAST(convert_from(lo_get(:oid), 'UTF8') AS JSON)
            WHERE id = :id""",
        oid=oid,
        id=row_id,
    )
    await remove_object(tx, oid)


async def _iterate_asynchronously(slices: Iterable[Buffer]) -> AsyncIterator[Buffer]:
    for content in slices:
        yield content


def _find_rowid(connection: apsw.Connection, large: LargeColumn, row_id: str) -> int | None:
    text = f"SELECT rowid FROM {large.table} WHERE id = ? AND typeof({large.column}) IN ('text', 'blob')"
    for (rowid,) in connection.execute(text, (row_id,)):
        return cast(int, rowid)
    return None


def _read(connection: apsw.Connection, large: LargeColumn, row_id: str) -> memoryview | None:
    with connection:  # the row and its bytes are of the same state
        rowid = _find_rowid(connection, large, row_id)
        if rowid is None:
            return None
        with connection.blob_open("main", large.table, large.column, rowid, False) as blob:
            content = map_memory(max(1, blob.length()))[: blob.length()]
            for piece in iterate_slices(content):
                blob.read_into(piece)
    return content


def _write(connection: apsw.Connection, large: LargeColumn, row_id: str, slices: Iterator[bytes]) -> None:
    # A parameter is copied as a whole while the interpreter is locked, results of a function one by one. SQLite does
    # not write in place to a column that an index reads.
    def take_slice(*_: Any) -> Any:
        return next(slices, None)

    connection.create_scalar_function(_SLICE_FUNCTION, take_slice, 0)
    try:
        text = f"""WITH RECURSIVE slices(content) AS (
                SELECT {_SLICE_FUNCTION}() UNION ALL SELECT {_SLICE_FUNCTION}() FROM slices WHERE content IS NOT NULL)
            UPDATE {large.table} SET {large.column} = (SELECT group_concat(content, '') FROM slices) WHERE id = ?"""
        connection.execute(text, (row_id,)).fetchall()
    finally:
        connection.create_scalar_function(_SLICE_FUNCTION, None, 0)
