"""What a table is made of, and the interface of what reads and writes its rows.

Rows are tuples in the order of the table's columns. Their values are the same for both engines: texts, integers,
booleans and None; JSON is its text, dates and times are ISO 8601.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Literal, Protocol

import msgspec

Kind = Literal["text", "integer", "boolean", "json", "date", "timestamp"]
Row = tuple[Any, ...]

#: Characters of the rows of a batch, and their number, from which the next rows are another batch.
BATCH_SIZE, BATCH_ROWS = 2_000_000, 2_000
#: The table of a writer's notes; it exists only until the database is complete.
NOTES = "fastback_transfer_note"


class Column(msgspec.Struct, frozen=True):
    """A column; `limit` is the number of characters that PostgreSQL accepts."""

    name: str
    kind: Kind
    required: bool = False
    limit: int | None = None


class Reference(msgspec.Struct, frozen=True):
    """A foreign key: without the row it names, a row is deleted, or with `clears` loses the value."""

    column: str
    table: str
    table_column: str
    clears: bool


class Table(msgspec.Struct, frozen=True):
    """A table with its columns, primary key and foreign keys."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    references: tuple[Reference, ...] = ()

    @property
    def column_names(self) -> tuple[str, ...]:
        """Return the names of the columns, in order."""
        return tuple(column.name for column in self.columns)


class Batch(msgspec.Struct):
    """Consecutive rows, and the position after which reading continues."""

    rows: list[Row]
    position: str


class TableReader(Protocol):
    """Read tables as they were at one moment, while others write.

    Raises (every method):
        DatabaseError: a statement fails, or a value does not fit its column.
    """

    async def list_columns(self) -> dict[str, list[str]]:
        """Return the columns of each table, by its name."""
        ...

    async def count_rows(self, table: Table) -> int:
        """Return the number of rows."""
        ...

    def read_batches(self, table: Table, after: str | None = None) -> AsyncIterator[Batch]:
        """Yield the rows, or those after the position of an earlier batch."""
        ...

    async def close(self) -> None:
        """End the reading."""
        ...


class TableWriter(Protocol):
    """Fill the tables of a new database, whose schema is complete only at the end.

    What has been written is noted in a table of the database itself, so that another writer continues.

    Raises (every method):
        DatabaseError: a statement fails.
    """

    async def list_rows_per_table(self) -> dict[str, bool]:
        """Return whether each existing table has rows, by its name."""
        ...

    async def create_tables(self, statements: list[str]) -> None:
        """Run the statements that create empty tables, in one transaction."""
        ...

    async def read_notes(self) -> dict[str, str] | None:
        """Return the notes by name; None where no writer has begun."""
        ...

    async def write_note(self, name: str, text: str) -> None:
        """Write a note."""
        ...

    def adapt_rows(self, table: Table, rows: list[Row]) -> list[Row]:
        """Return rows with values that the engine accepts, without rows that it never accepts."""
        ...

    async def write_rows(self, table: Table, rows: list[Row], note: str | None = None) -> None:
        """Insert rows, and write the note of the table, in one transaction."""
        ...

    async def delete_rows(self, table: Table) -> None:
        """Delete all rows of a table and its note."""
        ...

    async def open_reader(self) -> TableReader:
        """Return a reader of what was written."""
        ...

    async def finish(self, statements: list[str], tables: list[Table]) -> dict[str, int]:
        """Complete the schema, delete the notes, and return the number of removed orphans of each table."""
        ...

    async def close(self) -> None:
        """Close the database."""
        ...
