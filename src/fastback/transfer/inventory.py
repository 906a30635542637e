"""Which tables of a database are part of an installation, and which are not."""

from __future__ import annotations

import msgspec

from fastback.components import OWN_TABLES
from fastback.kit.db.table_copy.tables import Column, Table, TableReader
from fastback.schema.revision import REVISION
from fastback.schema.tables import REVISION_TABLE, list_own_tables, list_schema_tables
from fastback.transfer.errors import TransferError

_REVISIONS = Table(REVISION_TABLE, (Column("version_num", "text"),), ("version_num",))


class Inventory(msgspec.Struct):
    """The tables to read, and what else the database contains.

    Attributes:
        tables: those of the schema, then our own, with the columns that exist.
        strangers: names of tables, or `table.column`, that are not part of the schema.
    """

    tables: list[Table]
    strangers: list[str]


def list_all_tables() -> list[Table]:
    """Return the tables of the schema and our own, except for derived ones."""
    return [*list_schema_tables(), *list_own_tables(list(OWN_TABLES))]


async def take_inventory(reader: TableReader, name: str) -> Inventory:
    """Return what a database contains.

    Raises:
        TransferError: it has no schema of Open WebUI, or another revision of it.
    """
    existing = await reader.list_columns()
    await _check_revision(reader, existing, name)
    schema_names = {table.name for table in list_schema_tables()}
    tables, strangers = [], []
    for table in list_all_tables():
        columns = existing.get(table.name)
        if columns is None and table.name not in schema_names:
            continue  # Open WebUI alone has used the database
        missing = [column for column in table.column_names if column not in (columns or ())]
        if columns is None or (missing and table.name in schema_names):
            absent = table.name if columns is None else f"{table.name}.{missing[0]}"
            raise TransferError(f"{name}: {absent} is missing, although the database is at revision {REVISION}")
        strangers += [f"{table.name}.{column}" for column in columns if column not in table.column_names]
        present = tuple(column for column in table.columns if column.name in columns)
        tables.append(msgspec.structs.replace(table, columns=present))
    known_names = {*(table.name for table in list_all_tables()), REVISION_TABLE}
    strangers += [table for table in existing if table not in known_names and not table.startswith("fastback_")]
    return Inventory(tables, strangers)


async def _check_revision(reader: TableReader, existing: dict[str, list[str]], name: str) -> None:
    if REVISION_TABLE not in existing:
        if "user" in existing:
            raise TransferError(
                f"{name}: this database has tables but no revision: start Open WebUI 0.12.4 on it once, so that it "
                "brings the schema up to date (or finish the transfer that was filling it)"
            )
        raise TransferError(f"{name}: this is no database of Open WebUI or Fastback")
    revisions = [row[0] async for batch in reader.read_batches(_REVISIONS) for row in batch.rows]
    if revisions != [REVISION]:
        stored = ", ".join(map(str, revisions)) or "none"
        raise TransferError(
            f"{name}: the schema is at revision {stored}, this version moves {REVISION} (Open WebUI 0.12.4): start "
            "Open WebUI 0.12.4 on the database once to bring it there"
        )
