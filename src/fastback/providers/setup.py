"""Starts the registry: a first round in the background, then one every few minutes."""

from __future__ import annotations

import aiohttp

from fastback.access.grants import Grants
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.providers.registry import ModelRegistry
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `ModelRegistry`."""
    settings = services.get(Settings)
    tasks = services.get(Tasks)
    registry = ModelRegistry(
        db=services.get(Database),
        config=services.get(Config),
        settings=settings,
        client=services.get(aiohttp.ClientSession),
        permissions=services.get(Permissions),
        grants=services.get(Grants),
        tasks=tasks,
        bus=services.get(Bus),
    )
    services.add(ModelRegistry, registry)
    registry.refresh_soon()
    tasks.run_every(max(settings.models_cache_ttl, 60), registry.refresh)


COMPONENT = Component(name="providers", setup=set_up)
