"""Starts the sums over messages, and the making of their index beside the first requests."""

from __future__ import annotations

from fastback.features.analytics.usage import INDEX, Usage
from fastback.kit.db import Database, indexes
from fastback.kit.http.binding import Services
from fastback.kit.tasks import Tasks


async def start(services: Services) -> None:
    """Add `Usage`."""
    db: Database = services.get(Database)
    tasks: Tasks = services.get(Tasks)
    usage = Usage(db)
    services.add(Usage, usage)

    async def index() -> None:
        await indexes.ensure(db, INDEX)
        usage.indexed = True

    tasks.background(index())
