"""Starts what the operations on workspace models share."""

from __future__ import annotations

from fastback.access.grants import Grants
from fastback.access.permissions import Permissions
from fastback.features.models.routes import Workspace
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http.binding import Services
from fastback.providers.registry import ModelRegistry
from fastback.settings import Settings


async def start(services: Services) -> None:
    """Add `Workspace`."""
    services.add(
        Workspace,
        Workspace(
            services.get(Database),
            services.get(Grants),
            services.get(Permissions),
            services.get(ModelRegistry),
            services.get(Settings),
            services.get(Bus),
        ),
    )
