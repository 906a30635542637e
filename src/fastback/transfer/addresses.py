"""The address of a database, and what reads or fills it; only the driver of that database is imported."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from fastback.kit.db.database import Dialect
from fastback.kit.db.table_copy.tables import TableReader, TableWriter
from fastback.settings import Environment, load_settings


class Address(msgspec.Struct, frozen=True):
    """A database: the `path` of an SQLite file, or the `url` of PostgreSQL with the `schema` of the tables."""

    dialect: Dialect
    url: str
    schema: str | None = None
    path: Path | None = None

    def __str__(self) -> str:
        """Return the address without its password."""
        if self.path is not None:
            return f"sqlite:///{self.path}"
        parts = urlsplit(self.url)
        location = f"postgresql://{parts.hostname or ''}:{parts.port or 5432}{parts.path}"
        return f"{location} (schema {self.schema})" if self.schema else location


def parse_address(url: str, schema: str | None = None) -> Address:
    """Return the database of a URL as in `DATABASE_URL`.

    Raises:
        SettingsError: the text is no URL, or the database is not supported.
    """
    url = load_settings(Environment({"DATABASE_URL": url})).database_url
    scheme, _, location = url.partition("://")
    if not scheme.startswith("sqlite"):
        return Address("postgres", url, schema)
    path = Path(location.removeprefix("/")).expanduser().absolute()
    return Address("sqlite", url, path=path)


async def open_reader(address: Address) -> TableReader:
    """Begin to read a database.

    Raises:
        DatabaseError: it does not exist, or cannot be read.
    """
    if address.path is not None:
        from fastback.kit.db.table_copy.sqlite_reader import SqliteTableReader

        return SqliteTableReader(address.path)
    from fastback.kit.db.table_copy.postgres_reader import PostgresTableReader

    return await PostgresTableReader.open(address.url, address.schema)


async def open_writer(address: Address) -> TableWriter:
    """Begin to fill a database.

    Raises:
        DatabaseError: it cannot be written, or another command fills it.
    """
    if address.path is not None:
        from fastback.kit.db.table_copy.sqlite_writer import SqliteTableWriter

        return SqliteTableWriter(address.path)
    from fastback.kit.db.table_copy.postgres_writer import PostgresTableWriter

    return await PostgresTableWriter.open(address.url, address.schema)
