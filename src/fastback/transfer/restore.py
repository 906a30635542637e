"""Put an installation from an archive into a data directory and its database, completely or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO

import msgspec

from fastback.kit.db.database import Dialect
from fastback.retrieval.vectors import factory
from fastback.settings import Settings
from fastback.settings.loader import list_key_files
from fastback.transfer.addresses import Address, parse_address
from fastback.transfer.archive import ArchiveReader, Header
from fastback.transfer.backup import DATABASE_FOLDER, KEY_NAME, SETTINGS_NAME, UPLOADS_FOLDER, VECTORS_FOLDER
from fastback.transfer.database_restore import DatabaseRestore, require_unused_database
from fastback.transfer.errors import TransferError
from fastback.transfer.file_swap import (
    JOURNAL_NAME,
    Exchange,
    complete_exchange,
    discard_new,
    exchange_paths,
    get_new_path,
    require_replaceable,
)
from fastback.transfer.installation_files import find_key_file
from fastback.transfer.migration import create_own_indexes
from fastback.transfer.table_copying import Progress

_SETTINGS_FILE = "restored-settings.env"
_COPY_SIZE = 256 * 1024


class RestoreResult(msgspec.Struct):
    """What was restored.

    Attributes:
        parts: of the archive.
        removed: numbers of rows, by table, that referred to rows that no longer exist.
        notes: what the operator should know.
    """

    dialect: Dialect
    parts: list[str]
    files: int
    removed: dict[str, int]
    notes: list[str]


class _Destination:
    """The paths and the database that are replaced."""

    def __init__(self, settings: Settings) -> None:
        self.data_path = settings.data_path
        self.database = parse_address(settings.database_url, settings.database_schema)
        self.uploads = settings.upload_path
        self.vectors = factory.get_directory(settings)
        self.key = list_key_files(settings)[-1].absolute()
        self.settings = settings.data_path / _SETTINGS_FILE
        self.journal = settings.data_path / JOURNAL_NAME

    @property
    def paths(self) -> list[Path]:
        """Return the paths of files and directories."""
        return [self.uploads, self.vectors, self.key, self.settings]


def complete_interrupted_restore(settings: Settings) -> bool:
    """Finish a restore that was interrupted while it exchanged files; return whether there was one."""
    return complete_exchange(settings.data_path / JOURNAL_NAME)


async def restore_backup(
    path: Path, settings: Settings, *, get_passphrase: Callable[[], str], overwrite: bool, progress: Progress
) -> RestoreResult:
    """Restore an archive; without `overwrite`, only where nothing is.

    Nothing is changed before the whole archive has been read and compared with its manifest.

    Raises:
        TransferError: the archive is damaged, or the destination is in use or not empty.
        DatabaseError: the database cannot be written. OSError: the disk is full, for example.
    """
    destination = _Destination(settings)
    _require_free_paths(destination, overwrite=overwrite)
    await require_unused_database(destination.database, overwrite=overwrite)
    destination.data_path.mkdir(parents=True, exist_ok=True)
    discard_new(destination.paths)
    restore = _Restore(ArchiveReader(path, get_passphrase), destination, progress)
    try:
        await restore.read_archive()
        removed = await restore.complete_database()
    except BaseException:
        await restore.discard()
        raise
    await restore.take_place()
    await create_own_indexes(destination.database)
    header = restore.archive.get_header()
    return RestoreResult(
        destination.database.dialect, header.parts, restore.files, removed, _collect_notes(settings, header)
    )


def _require_free_paths(destination: _Destination, *, overwrite: bool) -> None:
    require_replaceable(destination.paths)
    if overwrite:
        return
    for path in destination.paths:
        if path.is_file() or (path.is_dir() and any(path.iterdir())):
            raise TransferError(f"{path} exists; --overwrite replaces it")


class _Restore:
    """Prepares the content of an archive beside the destination."""

    def __init__(self, archive: ArchiveReader, destination: _Destination, progress: Progress) -> None:
        self.archive = archive
        self.files = 0
        self._destination = destination
        self._progress = progress
        self._database: DatabaseRestore | None = None

    async def read_archive(self) -> None:
        """Read the archive to its end, and prepare what it contains."""
        for name, content in self.archive.iterate_members():
            if self._database is None:
                self._database = DatabaseRestore(self._destination.database, self.archive.get_header(), self._progress)
                await self._database.begin()
                self._prepare_directories(self.archive.get_header())
            if name.startswith(DATABASE_FOLDER):
                await self._database.add_member(name.removeprefix(DATABASE_FOLDER), content)
            else:
                self._write_file(self._locate_file(name), content)
        if self.files:
            self._progress("files", self.files, self.files)

    def _prepare_directories(self, header: Header) -> None:
        for part, path in (("uploads", self._destination.uploads), ("vectors", self._destination.vectors)):
            if part in header.parts:
                get_new_path(path).mkdir(parents=True)

    def _locate_file(self, name: str) -> Path:
        """Return where a member is prepared.

        Raises:
            TransferError: its name leads out of the archive's folders.
        """
        single = {KEY_NAME: self._destination.key, SETTINGS_NAME: self._destination.settings}
        if name in single:
            return get_new_path(single[name])
        for folder, path in ((UPLOADS_FOLDER, self._destination.uploads), (VECTORS_FOLDER, self._destination.vectors)):
            parts = PurePosixPath(name.removeprefix(folder)).parts
            if name.startswith(folder) and parts and ".." not in parts and parts[0] != "/":
                return get_new_path(path).joinpath(*parts)
        raise TransferError(f"the archive contains an unexpected file {name!r}")

    def _write_file(self, path: Path, content: IO[bytes]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            while chunk := content.read(_COPY_SIZE):
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        self.files += 1

    def _get_database(self) -> DatabaseRestore:
        if self._database is None:
            raise TransferError(f"{self.archive.path}: the archive contains no database")
        return self._database

    async def complete_database(self) -> dict[str, int]:
        """Complete the new database and return the number of removed orphans of each table."""
        return await self._get_database().complete(self.archive.get_manifest())

    async def take_place(self) -> None:
        """Exchange the database and the files."""
        await self._get_database().take_place()
        exchange_paths(self._destination.journal, self._list_exchanges(self._destination.database))

    def _list_exchanges(self, database: Address) -> list[Exchange]:
        exchanges = [Exchange(str(path)) for path in self._destination.paths if get_new_path(path).exists()]
        if database.path is not None:
            # What belongs to the replaced file: its log, and the index of its chats.
            search = database.path.with_name(f"{database.path.stem}.fastback_search.db")
            derived = [database.path, search]
            exchanges += [
                Exchange(f"{file}{suffix}", is_removed=True)
                for file in derived
                for suffix in ("-wal", "-shm", "-journal")
            ]
            exchanges += [Exchange(str(search), is_removed=True), Exchange(str(database.path))]
        return exchanges

    async def discard(self) -> None:
        """Remove what was prepared."""
        if self._database is not None:
            await self._database.discard()
        discard_new(self._destination.paths)


def _collect_notes(settings: Settings, header: Header) -> list[str]:
    """Return what the operator should know after a restore."""
    notes = list(header.notes)
    if settings.webui_secret_key and "key" in header.parts:
        notes.append("WEBUI_SECRET_KEY is set and takes precedence over the restored key")
    elif "key" in header.parts and find_key_file(settings) != list_key_files(settings)[-1]:
        notes.append(f"{find_key_file(settings)} takes precedence over the restored key")
    notes.append(
        f"variables of the archived installation are in {settings.data_path / _SETTINGS_FILE}, and not applied"
    )
    return notes
