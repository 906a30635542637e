"""Build and register the groups: their service and their routes."""

from __future__ import annotations

from fastback.features.groups import routes
from fastback.features.groups.service import GroupService
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add the `GroupService`."""
    services.add(GroupService, GroupService(services.get(Database), services.get(Bus), services.get(Settings)))


COMPONENT = Component(name="groups", routers=[routes.router], setup=set_up)
