"""Copy tables into a new database, continue after an interruption, and compare both sides at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import TypeVar

import msgspec

from fastback.kit.db.errors import IntegrityError
from fastback.kit.db.table_copy.digests import TableDigest
from fastback.kit.db.table_copy.tables import Row, Table, TableReader, TableWriter
from fastback.transfer.errors import TransferError

T = TypeVar("T")

#: Called with the name of a table, its rows so far and the number of its rows.
Progress = Callable[[str, int, int], None]
#: Return the rows as the target stores them.
Adapt = Callable[[Table, list[Row]], list[Row]]


class TableNote(msgspec.Struct):
    """How far the copy of a table is: the position in the source, the rows, and whether it is complete."""

    position: str = ""
    rows: int = 0
    is_complete: bool = False


class CopiedTable(msgspec.Struct):
    """A table that was copied and compared: both sides have these rows and this digest."""

    name: str
    rows: int
    digest: str
    #: Rows of the source that the target never accepts: their primary key has no value.
    skipped: int = 0


def read_ahead(items: AsyncIterator[T]) -> AbstractAsyncContextManager[AsyncIterator[T]]:
    """Return an iterator that lets another one produce the next item meanwhile, as a context that waits for it."""
    return aclosing(_iterate_ahead(items))


async def _iterate_ahead(items: AsyncIterator[T]) -> AsyncGenerator[T]:

    async def read_next() -> tuple[T] | None:
        try:
            return (await anext(items),)
        except StopAsyncIteration:
            return None

    reading = asyncio.create_task(read_next())
    try:
        while (item := await reading) is not None:
            reading = asyncio.create_task(read_next())
            yield item[0]
    finally:
        await asyncio.wait([reading])  # its connection must not be closed while a thread uses it


class TableCopier:
    """Copies tables of a source into a target."""

    def __init__(self, source: TableReader, target: TableWriter, progress: Progress) -> None:
        self._source = source
        self._target = target
        self._progress = progress

    async def copy_tables(self, tables: list[Table], notes: dict[str, str]) -> list[CopiedTable]:
        """Copy what is missing in the target, and return the tables after a comparison of both sides.

        `notes` are those of the target.

        Raises:
            TransferError: a table of the target differs from the source.
        """
        digests: dict[str, TableDigest | None] = {}
        counts: dict[str, int] = {}
        for table in tables:
            note = msgspec.json.decode(notes.get(table.name, "{}"), type=TableNote)
            counts[table.name] = await self._source.count_rows(table)
            try:
                digest = await self._copy_table(table, note, counts[table.name])
            except IntegrityError:
                if not note.rows:
                    raise
                # A row that was copied has changed since, and PostgreSQL has stored it behind the position.
                await self._target.delete_rows(table)
                note = TableNote()
                digest = await self._copy_table(table, note, counts[table.name])
            # The source may have changed since an interrupted run: its digest is computed once more.
            digests[table.name] = None if note.rows or note.is_complete else digest
        return [await self._compare_table(table, digests[table.name], counts[table.name]) for table in tables]

    async def _copy_table(self, table: Table, note: TableNote, count: int) -> TableDigest:
        """Copy the rows after the note's position; return the digest of these."""
        digest = TableDigest(table)
        if note.is_complete:
            return digest
        rows_before = note.rows
        note = TableNote(note.position, note.rows)
        async with read_ahead(self._source.read_batches(table, note.position or None)) as batches:
            async for batch in batches:
                rows = self._target.adapt_rows(table, batch.rows)
                note = TableNote(batch.position, note.rows + len(batch.rows))
                await self._target.write_rows(table, rows, msgspec.json.encode(note).decode())
                digest.add_rows(rows)
                self._progress(table.name, note.rows, count)
        if note.rows == rows_before:
            self._progress(table.name, note.rows, count)
        note.is_complete = True
        await self._target.write_note(table.name, msgspec.json.encode(note).decode())
        return digest

    async def _compare_table(self, table: Table, digest: TableDigest | None, count: int) -> CopiedTable:
        is_whole = digest is not None
        expected = digest or await digest_table(self._source, table, self._target.adapt_rows)
        copied = await self._digest_target(table)
        if (copied.rows, copied.hex) != (expected.rows, expected.hex) and not is_whole:
            await self._target.delete_rows(table)
            expected = await self._copy_table(table, TableNote(), count)
            copied = await self._digest_target(table)
        if (copied.rows, copied.hex) != (expected.rows, expected.hex):
            raise TransferError(
                f"{table.name}: the target has {copied.rows} rows with checksum {copied.hex}, the source has "
                f"{expected.rows} with {expected.hex}; start again with --restart"
            )
        return CopiedTable(table.name, copied.rows, copied.hex, skipped=count - expected.rows)

    async def _digest_target(self, table: Table) -> TableDigest:
        reader = await self._target.open_reader()
        try:
            return await digest_table(reader, table)
        finally:
            await reader.close()


async def digest_table(reader: TableReader, table: Table, adapt: Adapt | None = None) -> TableDigest:
    """Return the digest of all rows of a table."""
    digest = TableDigest(table)
    async with read_ahead(reader.read_batches(table)) as batches:
        async for batch in batches:
            digest.add_rows(adapt(table, batch.rows) if adapt else batch.rows)
    return digest
