"""Write an installation into an archive while it is in use, and read the archive back to verify it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from fastback import __version__
from fastback.kit.db.sqlite_copy import copy_sqlite_file
from fastback.kit.db.table_copy.digests import TableDigest
from fastback.kit.db.table_copy.tables import Table, TableReader
from fastback.retrieval.vectors import factory
from fastback.schema.revision import REVISION
from fastback.settings import Settings
from fastback.transfer.addresses import open_reader, parse_address
from fastback.transfer.archive import FORMAT, HEADER_NAME, ArchiveReader, ArchiveWriter, Header, TableEntry
from fastback.transfer.errors import TransferError
from fastback.transfer.installation_files import (
    find_key_file,
    format_variables,
    hold_files,
    is_database_file,
    list_vector_files,
)
from fastback.transfer.inventory import take_inventory
from fastback.transfer.table_copying import Progress, read_ahead

KEY_NAME, SETTINGS_NAME = "webui_secret_key", "settings.env"
#: The folders of the parts in an archive.
DATABASE_FOLDER, UPLOADS_FOLDER, VECTORS_FOLDER = "database/", "uploads/", "vector_db/"


class BackupResult(msgspec.Struct):
    """The archive that was written, and what it does not contain."""

    path: str
    size: int
    is_encrypted: bool
    tables: dict[str, TableEntry]
    uploads: int
    notes: list[str]


async def create_backup(
    settings: Settings, env: Mapping[str, str], path: Path, *, passphrase: str | None, progress: Progress
) -> BackupResult:
    """Write an archive of an installation to a new file; with a passphrase, encrypted.

    Raises:
        TransferError: the file exists, or the installation cannot be read.
        DatabaseError: the database cannot be read. OSError: the disk is full, for example.
    """
    if path.exists():
        raise TransferError(f"{path} exists already")
    address = parse_address(settings.database_url, settings.database_schema)
    reader = await open_reader(address)
    try:
        inventory = await take_inventory(reader, str(address))
        directory = settings.upload_path if settings.storage_provider == "local" else None
        with hold_files(directory) as uploads, ArchiveWriter(path, passphrase) as archive:
            header = _describe_contents(settings, address.dialect, inventory.tables, is_encrypted=bool(passphrase))
            if inventory.strangers:
                header.notes.append(f"not part of the schema, not included: {', '.join(inventory.strangers)}")
            archive.add_bytes(HEADER_NAME, msgspec.json.encode(header))
            tables = {table.name: await _add_table(archive, reader, table, progress) for table in inventory.tables}
            _add_uploads(archive, uploads, progress)
            _add_vectors(archive, settings)
            _add_key(archive, settings, header)
            archive.add_bytes(SETTINGS_NAME, format_variables(env, with_secrets=bool(passphrase)).encode())
            archive.finish(tables)
            _verify_archive(archive.partial_path, passphrase)
            archive.publish()
    finally:
        await reader.close()
    return BackupResult(str(path), path.stat().st_size, bool(passphrase), tables, len(uploads), header.notes)


def _describe_contents(settings: Settings, dialect: str, tables: list[Table], *, is_encrypted: bool) -> Header:
    """Return the header of an archive, with notes about what is not included."""
    parts, notes = ["database", "settings"], []
    if settings.storage_provider == "local":
        parts.append("uploads")
    else:
        notes.append(
            f"uploaded files are in the {settings.storage_provider} storage and not included: back up the bucket itself"
        )
    kind = factory.get_kind(settings)
    if kind != "sqlite":
        notes.append(
            f"vectors are in {kind} and not included: back up that server, or reindex the documents after a restore"
        )
    if factory.get_directory(settings).is_dir():
        parts.append("vectors")
    if settings.webui_secret_key and is_encrypted:
        parts.append("key")
    elif settings.webui_secret_key:
        notes.append(
            "WEBUI_SECRET_KEY is set by a variable and only included in an encrypted archive: keep it, or sessions, "
            "second factors and tokens are lost"
        )
    elif find_key_file(settings) is not None:
        parts.append("key")
    else:
        notes.append("there is no secret key yet")
    return Header(
        format=FORMAT,
        program=__version__,
        revision=REVISION,
        dialect=dialect,
        created_at=int(time.time()),
        tables={table.name: list(table.column_names) for table in tables},
        parts=parts,
        notes=notes,
    )


async def _add_table(archive: ArchiveWriter, reader: TableReader, table: Table, progress: Progress) -> TableEntry:
    count, number = await reader.count_rows(table), 0
    digest = TableDigest(table)
    async with read_ahead(reader.read_batches(table)) as batches:
        async for batch in batches:
            number += 1
            lines = b"".join([msgspec.json.encode(row) + b"\n" for row in batch.rows])
            archive.add_bytes(f"{DATABASE_FOLDER}{table.name}/{number:08}.jsonl", lines)
            digest.add_rows(batch.rows)
            progress(table.name, digest.rows, count)
    if number == 0:
        progress(table.name, 0, 0)
    return TableEntry(digest.rows, digest.hex)


def _add_uploads(archive: ArchiveWriter, uploads: list[tuple[str, Path]], progress: Progress) -> None:
    for number, (name, path) in enumerate(uploads, 1):
        archive.add_file(UPLOADS_FOLDER + name, path)
        progress("uploads", number, len(uploads))


def _add_vectors(archive: ArchiveWriter, settings: Settings) -> None:
    """Add the files of the vector store; databases are copied first, because programs write them meanwhile."""
    directory = factory.get_directory(settings)
    copy = archive.path.with_name(archive.path.name + ".vectors")
    for path in list_vector_files(settings):
        name = VECTORS_FOLDER + path.relative_to(directory).as_posix()
        if not is_database_file(path):
            archive.add_file(name, path)
            continue
        try:
            copy.unlink(missing_ok=True)
            copy_sqlite_file(str(path), str(copy))
            archive.add_file(name, copy)
        finally:
            copy.unlink(missing_ok=True)


def _add_key(archive: ArchiveWriter, settings: Settings, header: Header) -> None:
    if "key" not in header.parts:
        return
    key_file = find_key_file(settings)
    if settings.webui_secret_key:
        archive.add_bytes(KEY_NAME, settings.webui_secret_key.encode())
    elif key_file is not None:
        archive.add_file(KEY_NAME, key_file)


def _verify_archive(path: Path, passphrase: str | None) -> None:
    """Read an archive to its end.

    Raises:
        TransferError: it differs from what was written.
    """
    for _name, _content in ArchiveReader(path, lambda: passphrase or "").iterate_members():
        pass
