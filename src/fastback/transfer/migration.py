"""Copy an installation's database into another one, of the same or the other engine."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from fastback.components import OWN_INDEXES, OWN_TABLES
from fastback.kit.db.connect import connect
from fastback.kit.db.indexes import ensure_indexes
from fastback.kit.db.sqlite_copy import remove_sqlite_file
from fastback.kit.db.table_copy.tables import TableWriter
from fastback.schema.tables import REVISION_TABLE, split_schema
from fastback.transfer.addresses import Address, open_reader, open_writer
from fastback.transfer.errors import TransferError
from fastback.transfer.inventory import list_all_tables, take_inventory
from fastback.transfer.table_copying import CopiedTable, Progress, TableCopier

#: The name of the note that says what fills the target.
SOURCE_NOTE = "source"
#: The suffix of an SQLite file that is not complete yet.
PARTIAL_SUFFIX = ".partial"


class MigrationResult(msgspec.Struct):
    """What was copied, and what was not.

    Attributes:
        removed: numbers of rows, by table, that referred to rows that no longer exist.
        strangers: tables and columns of the source that are not part of the schema.
        was_continued: whether an interrupted migration was continued.
    """

    tables: list[CopiedTable]
    removed: dict[str, int]
    strangers: list[str]
    was_continued: bool


async def migrate_database(
    source: Address, target: Address, progress: Progress, *, restart: bool = False
) -> MigrationResult:
    """Copy a database; `restart` deletes what an interrupted migration has copied.

    The target becomes complete in one step at the end: an SQLite file gets its name, a PostgreSQL database its
    revision.

    Raises:
        TransferError: the source has another revision, or the target is not empty.
        DatabaseError: a database cannot be reached, or a statement fails.
    """
    if str(source) == str(target):
        raise TransferError("the source and the target are the same database")
    reader = await open_reader(source)
    try:
        inventory = await take_inventory(reader, str(source))
        async with _open_target(target, restart=restart) as writer:
            notes = await _prepare_target(writer, source, target, restart=restart)
            was_continued = len(notes) > 1
            tables = await TableCopier(reader, writer, progress).copy_tables(inventory.tables, notes)
            removed = await writer.finish(split_schema(target.dialect).completion, inventory.tables)
        if target.path is not None:
            publish_file(_get_partial_path(target.path), target.path)
    finally:
        await reader.close()
    await create_own_indexes(target)
    return MigrationResult(tables, removed, inventory.strangers, was_continued)


def _get_partial_path(path: Path) -> Path:
    return path.with_name(path.name + PARTIAL_SUFFIX)


@asynccontextmanager
async def _open_target(target: Address, *, restart: bool) -> AsyncIterator[TableWriter]:
    """Yield the writer of a target; an SQLite file is filled under another name."""
    address = target
    if target.path is not None:
        partial = _get_partial_path(target.path)
        await _require_empty_file(target)
        if restart:
            remove_sqlite_file(partial)
        try:
            partial.parent.mkdir(parents=True, exist_ok=True)
            if not partial.exists():
                os.close(os.open(partial, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise TransferError(f"{partial}: {error.strerror}") from error
        address = msgspec.structs.replace(target, path=partial)
    writer = await open_writer(address)
    try:
        yield writer
    finally:
        await writer.close()


async def _require_empty_file(target: Address) -> None:
    """Raise TransferError if the file of the target has rows."""
    if target.path is None or not target.path.exists() or target.path.stat().st_size == 0:
        return
    writer = await open_writer(target)
    try:
        _require_empty(await writer.list_rows_per_table(), target)
    finally:
        await writer.close()


def _require_empty(tables: dict[str, bool], target: Address) -> None:
    filled = sorted(name for name, has_rows in tables.items() if has_rows and not name.startswith("fastback_"))
    if set(filled) - {REVISION_TABLE}:
        names = ", ".join(name for name in filled if name != REVISION_TABLE)
        raise TransferError(f"{target} is not empty (rows in {names[:200]}): name an empty database")


async def _prepare_target(writer: TableWriter, source: Address, target: Address, *, restart: bool) -> dict[str, str]:
    """Create the tables, or return the notes of the migration that is to be continued."""
    notes = await writer.read_notes()
    if notes is not None and not restart:
        if notes.get(SOURCE_NOTE) != str(source):
            raise TransferError(
                f"{target} contains a part of {notes.get(SOURCE_NOTE)}: continue that migration, or discard the part "
                "with --restart"
            )
        return notes
    existing = await writer.list_rows_per_table()
    own_names = {*(table.name for table in list_all_tables()), REVISION_TABLE}
    if notes is None:
        _require_empty(existing, target)
    drops = [name for name in existing if name in own_names or name.startswith("fastback_")]
    statements = [f"DROP TABLE {', '.join(_quote(name) for name in drops)}"] if drops else []
    await writer.create_tables([*statements, *split_schema(target.dialect).tables, *OWN_TABLES])
    await writer.write_note(SOURCE_NOTE, str(source))
    return {SOURCE_NOTE: str(source)}


def _quote(name: str) -> str:
    return f'"{name}"'


def publish_file(partial: Path, path: Path) -> None:
    """Give a complete file its name, and make that permanent.

    Raises:
        TransferError: the file cannot be renamed.
    """
    try:
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        for suffix in ("-wal", "-shm"):  # of an empty file that is replaced
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        partial.replace(path)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise TransferError(f"{path}: {error.strerror}") from error


async def create_own_indexes(target: Address) -> None:
    """Create the indexes of our own, which a server would create in the background of its first start."""
    url = target.url if target.path is None else f"sqlite:///{target.path}"
    db = await connect(url, schema=target.schema)
    try:
        await ensure_indexes(db, OWN_INDEXES)
    finally:
        await db.close()
