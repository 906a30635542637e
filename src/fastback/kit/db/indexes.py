"""Indexes of our own on the reference's tables, made while the server answers already: on a large table they take long.

All are named `fastback_…`; the reference ignores them.
"""

from __future__ import annotations

import asyncio
import logging
from weakref import WeakKeyDictionary

import msgspec

from fastback.kit.db.database import Database

log = logging.getLogger("fastback.db")


class Index(msgspec.Struct, frozen=True):
    """`name`, and what follows `CREATE INDEX name` on each database."""

    name: str
    sqlite: str
    postgres: str


_STATE = {
    "sqlite": "SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = :name",
    "postgres": """SELECT CASE WHEN i.indisvalid THEN 1 ELSE 0 END FROM pg_index i JOIN pg_class c
        ON c.oid = i.indexrelid WHERE c.relname = :name AND c.relnamespace = current_schema()::regnamespace""",
}


#: One after the other: PostgreSQL, making two indexes of a table beside its writers, has each wait for the other.
_making: WeakKeyDictionary[Database, asyncio.Lock] = WeakKeyDictionary()


async def ensure_index(db: Database, index: Index) -> None:
    """Make the index if it is not there yet. Writes of others wait meanwhile on SQLite, not on PostgreSQL."""
    async with _making.setdefault(db, asyncio.Lock()):
        await _ensure(db, index)


async def _ensure(db: Database, index: Index) -> None:
    state = await db.fetch_value("indexes.state", _STATE[db.dialect], name=index.name)
    if state:
        return
    log.info("making the index %s", index.name)
    if db.dialect == "sqlite":
        await db.execute_in_thread("indexes.make", f"CREATE INDEX IF NOT EXISTS {index.name} {index.sqlite}")
        return
    if state == 0:  # its making was interrupted
        await db.execute("indexes.drop", f"DROP INDEX CONCURRENTLY IF EXISTS {index.name}")
    await db.execute("indexes.make", f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {index.name} {index.postgres}")
