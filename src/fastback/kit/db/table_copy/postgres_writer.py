"""Fill the tables of an empty PostgreSQL schema by COPY."""

from __future__ import annotations

import datetime
from typing import Any

from fastback.kit.db.errors import DatabaseBusy, InvalidValueError
from fastback.kit.db.table_copy.postgres_reader import PostgresTableReader
from fastback.kit.db.table_copy.postgres_session import PostgresSession
from fastback.kit.db.table_copy.sqlite_reader import quote_name
from fastback.kit.db.table_copy.tables import NOTES, Reference, Row, Table
from fastback.kit.db.table_copy.values import describe_key, repair_json

#: The number of the advisory lock that a writer holds.
_LOCK = 0x6661_7374_6261_636B
_WRITE_NOTE = f"""INSERT INTO {NOTES} (name, content) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET content = excluded.content"""


class PostgresTableWriter:
    """See `tables.TableWriter`. Foreign keys are created at the end, after the removal of orphans."""

    def __init__(self, session: PostgresSession, url: str, schema: str | None) -> None:
        self._session = session
        self._url = url
        self._schema = schema

    @classmethod
    async def open(cls, url: str, schema: str | None = None) -> PostgresTableWriter:
        """Connect to the database; `schema` must exist.

        Raises:
            DatabaseError: the server cannot be reached, or another writer fills this database.
        """
        session = await PostgresSession.open(url, schema)
        rows = await session.fetch("lock", f"SELECT pg_try_advisory_lock({_LOCK})")
        if not rows[0][0]:
            await session.close()
            raise DatabaseBusy("another command is writing this database")
        return cls(session, url, schema)

    async def list_rows_per_table(self) -> dict[str, bool]:
        names = await self._session.fetch(
            "tables", "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename"
        )
        tables = {}
        for (name,) in names:
            rows = await self._session.fetch("tables", f"SELECT EXISTS (SELECT 1 FROM {quote_name(name)})")
            tables[name] = bool(rows[0][0])
        return tables

    async def create_tables(self, statements: list[str]) -> None:
        async with self._session.transaction("schema"):
            for statement in statements:
                await self._session.run_statement("schema", statement)
            await self._session.run_statement(
                "schema", f"CREATE TABLE {NOTES} (name text PRIMARY KEY, content text NOT NULL)"
            )

    async def read_notes(self) -> dict[str, str] | None:
        text = "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = $1"
        if not await self._session.fetch("notes", text, NOTES):
            return None
        rows = await self._session.fetch("notes", f"SELECT name, content FROM {NOTES}")
        return {row["name"]: row["content"] for row in rows}

    async def write_note(self, name: str, text: str) -> None:
        await self._session.run_statement("notes", _WRITE_NOTE, name, text)

    def adapt_rows(self, table: Table, rows: list[Row]) -> list[Row]:
        required = [index for index, column in enumerate(table.columns) if column.required and column.name in table.key]
        limits = [(index, column.name, column.limit) for index, column in enumerate(table.columns) if column.limit]
        json_indexes = [index for index, column in enumerate(table.columns) if column.kind == "json"]
        adapted = []
        for row in rows:
            if any(row[index] is None for index in required):
                continue  # SQLite has primary keys without a value
            for index, name, limit in limits:
                if limit and row[index] is not None and len(row[index]) > limit:
                    raise InvalidValueError(
                        f"{table.name}: {name} of the row {describe_key(table, row)} has more than {limit} characters, "
                        "which PostgreSQL refuses: shorten it in the source"
                    )
            repaired = {index: repair_json(row[index]) for index in json_indexes if row[index] is not None}
            if any(repaired[index] is not row[index] for index in repaired):
                row = tuple([repaired.get(index, value) for index, value in enumerate(row)])
            adapted.append(row)
        return adapted

    async def write_rows(self, table: Table, rows: list[Row], note: str | None = None) -> None:
        times = [index for index, column in enumerate(table.columns) if column.kind in ("date", "timestamp")]
        if times:
            rows = [_parse_times(row, times) for row in rows]
        async with self._session.transaction(table.name):
            try:
                copying = self._session.connection.copy_records_to_table
                await copying(table.name, records=rows, columns=table.column_names)
            except (TypeError, ValueError, OverflowError, AttributeError) as error:
                raise InvalidValueError(f"{table.name}: {error}") from error
            if note is not None:
                await self._session.run_statement("notes", _WRITE_NOTE, table.name, note)

    async def delete_rows(self, table: Table) -> None:
        async with self._session.transaction(table.name):
            await self._session.run_statement(table.name, f"TRUNCATE {quote_name(table.name)}")
            await self._session.run_statement("notes", f"DELETE FROM {NOTES} WHERE name = $1", table.name)

    async def open_reader(self) -> PostgresTableReader:
        return await PostgresTableReader.open(self._url, self._schema)

    async def finish(self, statements: list[str], tables: list[Table]) -> dict[str, int]:
        removed: dict[str, int] = {}
        async with self._session.transaction("schema"):
            while await self._remove_orphans(tables, removed):
                pass
            for statement in statements:
                await self._session.run_statement("schema", statement)
            await self._session.run_statement("schema", f"DROP TABLE {NOTES}")
        for table in tables:
            await self._session.run_statement("analyze", f"ANALYZE {quote_name(table.name)}")
        return removed

    async def _remove_orphans(self, tables: list[Table], removed: dict[str, int]) -> bool:
        """Remove rows and values that name no row, and return whether there were any; the removal makes others."""
        has_changed = False
        for table in tables:
            for reference in table.references:
                count = await self._session.run_statement(table.name, _build_removal(table, reference))
                if count:
                    has_changed = True
                    if not reference.clears:
                        removed[table.name] = removed.get(table.name, 0) + count
        return has_changed

    async def close(self) -> None:
        await self._session.close()


def _build_removal(table: Table, reference: Reference) -> str:
    name, column = quote_name(table.name), quote_name(reference.column)
    orphans = f"""{column} IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM {quote_name(reference.table)} p WHERE p.{quote_name(reference.table_column)} = t.{column})"""
    if reference.clears:
        return f"UPDATE {name} t SET {column} = NULL WHERE {orphans}"
    return f"DELETE FROM {name} t WHERE {orphans}"


def _parse_times(row: Row, indexes: list[int]) -> Row:
    """Return a row with the objects that the driver takes."""
    values: list[Any] = list(row)
    for index in indexes:
        text = values[index]
        if text is not None:
            is_date = len(text) == len("2000-01-31")
            values[index] = datetime.date.fromisoformat(text) if is_date else datetime.datetime.fromisoformat(text)
    return tuple(values)
