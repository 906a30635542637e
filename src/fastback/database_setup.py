"""The database that the settings name, with the schema, and with the tables of our own."""

from __future__ import annotations

import logging

from fastback.components import OWN_INDEXES, OWN_TABLES
from fastback.kit.db import Database
from fastback.kit.db.connect import connect
from fastback.kit.db.indexes import ensure_indexes
from fastback.kit.db.pool_options import PoolOptions
from fastback.schema import revision
from fastback.settings import Settings

log = logging.getLogger("fastback")


def _make_pool_options(settings: Settings) -> PoolOptions:
    return PoolOptions(
        size=(settings.database_pool_size or 10) + (settings.database_pool_max_overflow or 0),
        timeout=float(30 if settings.database_pool_timeout is None else settings.database_pool_timeout),
        recycle=float(3600 if settings.database_pool_recycle is None else settings.database_pool_recycle),
        outage_wait=settings.fastback_database_outage_wait,
        start_wait=settings.fastback_database_start_wait,
        statement_limit=settings.fastback_database_statement_timeout,
        lock_limit=settings.fastback_database_lock_timeout,
    )


async def open_database(settings: Settings) -> Database:
    """Open the database that the settings name, and create or check its schema.

    Raises:
        DatabaseError: it cannot be opened. RevisionError: it has another revision.
    """
    db = await connect(
        settings.database_url,
        schema=settings.database_schema,
        wal=settings.database_enable_sqlite_wal,
        pragmas=settings.database_sqlite_pragmas,
        pool=_make_pool_options(settings),
    )
    try:
        if await revision.ensure_schema(db, own_statements=list(OWN_TABLES)):
            log.info("created a new database at revision %s", revision.REVISION)
            if db.dialect == "sqlite":  # at once: the tables are empty
                await ensure_indexes(db, OWN_INDEXES)
    except BaseException:
        await db.close()
        raise
    return db
