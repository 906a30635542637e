"""Open the database that a URL names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fastback.kit.db.database import Database
from fastback.kit.db.errors import DatabaseError
from fastback.kit.db.page_caches import limit_page_caches
from fastback.kit.db.pool_options import PoolOptions


async def connect(
    url: str,
    *,
    schema: str | None = None,
    pool: PoolOptions | None = None,
    wal: bool = True,
    pragmas: Mapping[str, str] | None = None,
) -> Database:
    """Open the database at `sqlite:///path` or `postgresql://…`; only the driver of that database is imported.

    `schema` and `pool` are for PostgreSQL, `wal` and `pragmas` (by name) for SQLite.

    Raises:
        DatabaseError: the scheme is unknown, or the database cannot be opened.
    """
    scheme, _, address = url.partition("://")
    scheme = scheme.partition("+")[0].lower()
    limit_page_caches(pragmas, is_main_database=scheme == "sqlite")  # other files are SQLite files with any database
    if scheme == "sqlite":
        from fastback.kit.db.sqlite import SqliteDatabase

        path = Path(address[1:] if address.startswith("/") else address)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseError(f"cannot make the data directory {path.parent}: {error.strerror}") from error
        return SqliteDatabase(path, wal=wal, pragmas=pragmas)
    if scheme in ("postgres", "postgresql"):
        from fastback.kit.db.postgres import PostgresDatabase

        return await PostgresDatabase.connect(f"postgresql://{address}", schema=schema, options=pool or PoolOptions())
    raise DatabaseError(f"unknown database scheme {scheme!r}: use sqlite:///… or postgresql://…")
