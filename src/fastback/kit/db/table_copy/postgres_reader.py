"""Read the tables of a PostgreSQL schema in one read-only transaction.

Rows come in their physical order, which is about that of their creation: lists without an order show them so.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from fastback.kit.db.table_copy.postgres_session import PostgresSession
from fastback.kit.db.table_copy.sqlite_reader import quote_name
from fastback.kit.db.table_copy.tables import BATCH_ROWS, BATCH_SIZE, Batch, Table
from fastback.kit.db.table_copy.values import read_row

#: Rows whose positions and sizes are read at once.
_SIZED_ROWS = 1000


class PostgresTableReader:
    """See `tables.TableReader`. A cursor lists positions and stored sizes of rows, by which the batches are cut."""

    def __init__(self, session: PostgresSession) -> None:
        self._session = session

    @classmethod
    async def open(cls, url: str, schema: str | None = None) -> PostgresTableReader:
        """Connect and begin the transaction.

        Raises:
            DatabaseError: the server cannot be reached.
        """
        session = await PostgresSession.open(url, schema)
        await session.run_statement("begin", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        await session.run_statement("begin", "SET LOCAL synchronize_seqscans = off")
        await session.fetch("begin", "SELECT 1 FROM pg_class LIMIT 1")  # the first statement fixes the moment
        return cls(session)

    async def list_columns(self) -> dict[str, list[str]]:
        text = """SELECT c.table_name, c.column_name FROM information_schema.columns c
            JOIN information_schema.tables t USING (table_schema, table_name)
            WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE'
            ORDER BY c.table_name, c.ordinal_position"""
        columns: dict[str, list[str]] = {}
        for table, column in await self._session.fetch("columns", text):
            columns.setdefault(table, []).append(column)
        return columns

    async def count_rows(self, table: Table) -> int:
        rows = await self._session.fetch(table.name, f"SELECT count(*) FROM {quote_name(table.name)}")
        return int(rows[0][0])

    async def read_batches(self, table: Table, after: str | None = None) -> AsyncIterator[Batch]:
        name, columns = quote_name(table.name), ", ".join(map(quote_name, table.column_names))
        size = " + ".join(f"coalesce(pg_column_size({quote_name(column)}), 0)" for column in table.column_names)
        text = f"SELECT ctid, {size} FROM {name}"
        position = [] if after is None else [tuple(json.loads(after))]
        cursor = await self._session.run(
            table.name, self._session.connection.cursor(f"{text} WHERE ctid > $1" if position else text, *position)
        )
        while sized := await self._session.run(table.name, cursor.fetch(_SIZED_ROWS)):
            for positions in _cut_batches(sized):
                rows = await self._session.fetch(
                    table.name, f"SELECT {columns} FROM {name} WHERE ctid = ANY($1::tid[]) ORDER BY ctid", positions
                )
                yield Batch([read_row(table, tuple(row)) for row in rows], json.dumps(positions[-1]))

    async def close(self) -> None:
        await self._session.close()


def _cut_batches(sized: list[Any]) -> Iterator[list[Any]]:
    """Yield the positions of the rows of each batch. Stored texts are compressed, most to a half or a quarter."""
    positions: list[Any] = []
    size = 0
    for position, stored in sized:
        positions.append(position)
        size += stored
        if size >= BATCH_SIZE // 4 or len(positions) >= BATCH_ROWS:
            yield positions
            positions, size = [], 0
    if positions:
        yield positions
