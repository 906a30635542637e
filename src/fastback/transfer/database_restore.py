"""Fill a database from an archive, beside the existing one, and take its place."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import IO

import msgspec

from fastback.components import OWN_TABLES
from fastback.kit.db.sqlite_copy import is_file_in_use, remove_sqlite_file
from fastback.kit.db.table_copy.digests import TableDigest
from fastback.kit.db.table_copy.tables import Row, Table, TableWriter
from fastback.schema.revision import REVISION
from fastback.schema.tables import REVISION_TABLE, list_schema_tables, split_schema
from fastback.transfer.addresses import Address, open_writer
from fastback.transfer.archive import Header, Manifest
from fastback.transfer.errors import TransferError
from fastback.transfer.file_swap import get_new_path
from fastback.transfer.inventory import list_all_tables
from fastback.transfer.table_copying import Progress, digest_table

#: The schema of PostgreSQL that is filled before it takes the place of another.
_STAGING_SCHEMA = "fastback_restore"
#: Connections of servers; Open WebUI's have no name.
_COUNT_SESSIONS = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND backend_type = 'client backend' AND application_name IN ('fastback', '')"""
_SESSION_CHECKS = 10


class DatabaseRestore:
    """A new database, filled from the members of an archive."""

    def __init__(self, target: Address, header: Header, progress: Progress) -> None:
        """Check that the archive has the tables of this version.

        Raises:
            TransferError: it has not.
        """
        if header.revision != REVISION:
            raise TransferError(
                f"the archive is at revision {header.revision}, this version restores {REVISION} (Open WebUI 0.12.4)"
            )
        self._target = target
        self._progress = progress
        self._tables = _choose_tables(header)
        #: Digests of what the archive contains, and of what was written.
        self._read = {table.name: TableDigest(table) for table in self._tables.values()}
        self._written = {table.name: TableDigest(table) for table in self._tables.values()}
        self._writer: TableWriter | None = None
        self._current = ""

    async def begin(self) -> None:
        """Create the empty tables."""
        address = self._target
        if address.path is not None:
            new_path = get_new_path(address.path)
            remove_sqlite_file(new_path)
            new_path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(new_path, os.O_CREAT | os.O_RDWR, 0o600))
            address = msgspec.structs.replace(address, path=new_path)
        else:
            await _run_script(
                address, f"DROP SCHEMA IF EXISTS {_STAGING_SCHEMA} CASCADE; CREATE SCHEMA {_STAGING_SCHEMA}"
            )
            address = msgspec.structs.replace(address, schema=_STAGING_SCHEMA)
        self._writer = await open_writer(address)
        await self._writer.create_tables([*split_schema(address.dialect).tables, *OWN_TABLES])

    def _get_writer(self) -> TableWriter:
        if self._writer is None:
            raise TransferError("the archive contains no database")
        return self._writer

    async def add_member(self, name: str, content: IO[bytes]) -> None:
        """Write the rows of a member, whose name is `TABLE/NUMBER.jsonl`."""
        table = self._tables.get(name.split("/")[0])
        if table is None:
            return  # of a newer version
        self._report_table(table.name)
        try:
            rows: list[Row] = [tuple(msgspec.json.decode(line)) for line in _read_lines(content)]
            self._read[table.name].add_rows(rows)
            rows = self._get_writer().adapt_rows(table, rows)
        except (msgspec.DecodeError, TypeError, AttributeError, LookupError) as error:
            raise TransferError(f"database/{name}: the rows are damaged: {error}") from error
        self._written[table.name].add_rows(rows)
        await self._get_writer().write_rows(table, rows)

    def _report_table(self, name: str) -> None:
        """Report a table whose rows have all been written, when another one begins."""
        if self._current and self._current != name:
            count = self._written[self._current].rows
            self._progress(self._current, count, count)
        self._current = name

    async def complete(self, manifest: Manifest) -> dict[str, int]:
        """Compare both sides, complete the schema and return the number of removed orphans of each table.

        Raises:
            TransferError: the database differs from the archive.
        """
        self._report_table("")
        writer = self._get_writer()
        for table in self._tables.values():
            entry = manifest.tables.get(table.name)
            read, written = self._read[table.name], self._written[table.name]
            if entry is None or (entry.rows, entry.digest) != (read.rows, read.hex):
                raise TransferError(f"{table.name}: the rows of the archive differ from its manifest")
            reader = await writer.open_reader()
            try:
                stored = await digest_table(reader, table)
            finally:
                await reader.close()
            if (stored.rows, stored.hex) != (written.rows, written.hex):
                raise TransferError(f"{table.name}: the rows that were stored differ from the archive")
        removed = await writer.finish(split_schema(self._target.dialect).completion, list(self._tables.values()))
        await writer.close()
        self._writer = None
        return removed

    async def take_place(self) -> None:
        """Replace the tables of a PostgreSQL database, in one transaction. Files are exchanged by their names."""
        if self._target.path is None:
            await _run_script(self._target, await _build_replacement(self._target))

    async def discard(self) -> None:
        """Remove what was written, if it has not taken its place."""
        if self._writer is not None:
            await self._writer.close()
            self._writer = None
        if self._target.path is not None:
            remove_sqlite_file(get_new_path(self._target.path))
        else:
            await _run_script(self._target, f"DROP SCHEMA IF EXISTS {_STAGING_SCHEMA} CASCADE")


def _choose_tables(header: Header) -> dict[str, Table]:
    """Return the tables of this version with the columns that the archive has, in the archive's order."""
    tables = {}
    schema_names = {table.name for table in list_schema_tables()}
    for table in list_all_tables():
        names = header.tables.get(table.name)
        if names is None and table.name not in schema_names:
            continue
        columns = {column.name: column for column in table.columns}
        if names is None or not set(names) <= set(columns):
            raise TransferError(f"the archive has another table {table.name} than this version")
        tables[table.name] = msgspec.structs.replace(table, columns=tuple(columns[name] for name in names))
    return tables


def _read_lines(content: IO[bytes]) -> list[bytes]:
    chunks = []
    while chunk := content.read(1 << 18):
        chunks.append(chunk)
    return b"".join(chunks).splitlines()


async def _run_script(target: Address, text: str) -> None:
    from fastback.kit.db.table_copy.postgres_session import PostgresSession

    session = await PostgresSession.open(target.url, target.schema)
    try:
        async with session.transaction("restore"):
            await session.run_statement("restore", text)
    finally:
        await session.close()


async def _build_replacement(target: Address) -> str:
    """Return the statements that put the tables of the staging schema in the place of the existing ones."""
    from fastback.kit.db.table_copy.postgres_session import PostgresSession

    session = await PostgresSession.open(target.url, target.schema)
    try:
        schema = (await session.fetch("restore", "SELECT current_schema()"))[0][0]
        text = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ($1, $2)"
        tables = await session.fetch("restore", text, schema, _STAGING_SCHEMA)
    finally:
        await session.close()
    own_names = {*(table.name for table in list_all_tables()), REVISION_TABLE}
    existing = [name for owner, name in tables if owner == schema]
    drops = [f'"{schema}"."{name}"' for name in existing if name in own_names or name.startswith("fastback_")]
    statements = [f"DROP TABLE {', '.join(drops)}"] if drops else []
    staged = [name for owner, name in tables if owner == _STAGING_SCHEMA]
    statements += [f'ALTER TABLE {_STAGING_SCHEMA}."{name}" SET SCHEMA "{schema}"' for name in staged]
    return ";\n".join([*statements, f"DROP SCHEMA {_STAGING_SCHEMA}"])


async def require_unused_database(target: Address, *, overwrite: bool) -> None:
    """Check that the target may be replaced.

    Raises:
        TransferError: it has rows and may not be overwritten, or a program uses it.
    """
    if target.path is not None:
        if target.path.exists() and target.path.stat().st_size:
            if not overwrite:
                raise TransferError(f"{target.path} exists; --overwrite replaces it")
            _require_unused_file(target.path)
        return
    writer = await open_writer(target)
    try:
        filled = [name for name, has_rows in (await writer.list_rows_per_table()).items() if has_rows]
    finally:
        await writer.close()
    if set(filled) - {REVISION_TABLE} and not overwrite:
        raise TransferError(f"{target} has rows in {', '.join(filled)[:200]}; --overwrite replaces them")
    await _require_no_sessions(target)


def _require_unused_file(path: Path) -> None:
    if is_file_in_use(path):
        raise TransferError(f"{path} is in use: stop the server first")


async def _require_no_sessions(target: Address) -> None:
    from fastback.kit.db.table_copy.postgres_session import PostgresSession

    session = await PostgresSession.open(target.url, target.schema)
    try:
        for _ in range(_SESSION_CHECKS):
            count = (await session.fetch("restore", _COUNT_SESSIONS))[0][0]
            if not count:
                return
            await asyncio.sleep(0.2)  # a closed connection is listed for a moment
    finally:
        await session.close()
    raise TransferError(f"{target} is in use by {count} connections: stop the server first")
