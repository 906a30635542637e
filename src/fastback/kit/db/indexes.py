"""Indexes of our own on the reference's tables, built while the server already answers: on a large table that is slow.

All are named `fastback_…`; the reference ignores them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

import msgspec

from fastback.kit.db.database import Database

log = logging.getLogger("fastback.db")

#: Seconds from which on the creation of indexes is logged.
_LONG_SECONDS = 2.0


class Index(msgspec.Struct, frozen=True):
    """An index: its name, and what follows `CREATE INDEX name` in each dialect; None where that needs no index."""

    name: str
    sqlite: str | None
    postgres: str | None


#: 1: the index is there; 0: its creation was interrupted; no row: there is no such index.
GET_INDEX_STATE = {
    "sqlite": "SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = :name",
    "postgres": """SELECT CASE WHEN i.indisvalid THEN 1 ELSE 0 END FROM pg_index i JOIN pg_class c
        ON c.oid = i.indexrelid WHERE c.relname = :name AND c.relnamespace = current_schema()::regnamespace""",
}


async def has_index(db: Database, index: Index) -> bool:
    """Return whether an index can be used."""
    return bool(await db.fetch_value("indexes.state", GET_INDEX_STATE[db.dialect], name=index.name))


async def ensure_index(db: Database, index: Index) -> None:
    """Create the index where it is missing. Meanwhile other writers wait in SQLite, but not in PostgreSQL."""
    if (index.sqlite if db.dialect == "sqlite" else index.postgres) is None:
        return
    async with db.index_lock:
        state = await db.fetch_value("indexes.state", GET_INDEX_STATE[db.dialect], name=index.name)
        if state:
            return
        log.debug("creating the index %s", index.name)
        if db.dialect == "sqlite":
            await db.run_unlimited("indexes.create", f"CREATE INDEX IF NOT EXISTS {index.name} {index.sqlite}")
            return
        if state == 0:
            await db.run_unlimited("indexes.drop", f"DROP INDEX CONCURRENTLY IF EXISTS {index.name}")
        await db.run_unlimited(
            "indexes.create", f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {index.name} {index.postgres}"
        )


async def ensure_indexes(db: Database, indexes: Iterable[Index]) -> None:
    """Create the indexes that are missing, one after the other."""
    started = time.monotonic()
    for index in indexes:
        await ensure_index(db, index)
    seconds = time.monotonic() - started
    if seconds > _LONG_SECONDS:
        log.info("created the missing indexes of lists in %.0f s", seconds)
