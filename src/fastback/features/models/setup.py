"""Starts what the operations on workspace models share."""

from __future__ import annotations

from fastback.access.grants import Grants
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.features.files.access import FileAccess
from fastback.features.models.references import References
from fastback.features.models.service import Workspace
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http.binding import Services
from fastback.kit.storage import Storage
from fastback.providers.registry import ModelRegistry
from fastback.settings import Settings


async def start(services: Services) -> None:
    """Add `Workspace`."""
    db: Database = services.get(Database)
    settings: Settings = services.get(Settings)
    grants: Grants = services.get(Grants)
    permissions: Permissions = services.get(Permissions)
    bypass = settings.bypass_admin_access_control
    references = References(
        db, services.get(Config), grants, services.get(FileAccess), services.get(Storage), bypass=bypass
    )
    registry: ModelRegistry = services.get(ModelRegistry)
    services.add(Workspace, Workspace(db, grants, permissions, registry, settings, references, services.get(Bus)))
