"""Build and register the sums over messages; their index is created in the background."""

from __future__ import annotations

from fastback.features.analytics import routes
from fastback.features.analytics.message_columns import INDEX, OF_MODEL, OF_USER, TIMES
from fastback.features.analytics.rollup import Rollup
from fastback.features.analytics.usage import UsageStatistics
from fastback.kit.bus import Bus
from fastback.kit.db import Database, indexes
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks


async def set_up(services: Services) -> None:
    """Add `UsageStatistics`."""
    db = services.get(Database)
    tasks = services.get(Tasks)
    rollup = Rollup(db, services.get(Bus))
    tasks.run_at_shutdown(rollup.close)
    usage = UsageStatistics(db, rollup)
    services.add(UsageStatistics, usage)

    async def create_index() -> None:
        await indexes.ensure_index(db, INDEX)
        usage.indexed = True

    tasks.run_through_outages(create_index)


COMPONENT = Component(name="analytics", routers=[routes.router], setup=set_up, indexes=[OF_MODEL, OF_USER, TIMES])
