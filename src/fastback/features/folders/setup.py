"""Build the services of folders."""

from __future__ import annotations

from fastback.access.grants import Grants
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.features.files.access import FileAccess
from fastback.features.folders import routes
from fastback.features.folders.service import FolderService
from fastback.features.folders.store import INDEX
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks


async def set_up(services: Services) -> None:
    """Add `FolderService`."""
    services.add(
        FolderService,
        FolderService(
            db=services.get(Database),
            config=services.get(Config),
            permissions=services.get(Permissions),
            grants=services.get(Grants),
            tasks=services.get(Tasks),
            bus=services.get(Bus),
            files=services.get(FileAccess),
        ),
    )


COMPONENT = Component(name="folders", routers=[routes.router], setup=set_up, indexes=[INDEX])
