"""A query that shows whether the database responds."""

from __future__ import annotations

from fastback.kit.db import Executor

PING = "SELECT 1"


async def ping_database(db: Executor) -> None:
    """Run a trivial query; errors of the database propagate."""
    await db.fetch_value("server.ping", PING)
