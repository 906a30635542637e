"""Build the client and the registry of model servers; the registry lists models at once, then every few minutes."""

from __future__ import annotations

import aiohttp

from fastback.access.grants import Grants
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.providers.client import ModelClient
from fastback.providers.gateway import ServerGateway
from fastback.providers.large_completions import CompletionParser
from fastback.providers.model_resolution import ModelResolver
from fastback.providers.registry import ModelRegistry
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `ServerGateway`, `ModelClient`, `ModelRegistry` and `ModelResolver`."""
    config, settings = services.get(Config), services.get(Settings)
    client, bus = services.get(aiohttp.ClientSession), services.get(Bus)
    tasks, permissions = services.get(Tasks), services.get(Permissions)
    gateway = ServerGateway(client=client, settings=settings, permissions=permissions)
    registry = ModelRegistry(
        db=services.get(Database),
        config=config,
        settings=settings,
        client=client,
        permissions=permissions,
        grants=services.get(Grants),
        tasks=tasks,
        bus=bus,
    )
    services.add(ServerGateway, gateway)
    parser = CompletionParser()
    tasks.run_at_shutdown(parser.workers.close)
    services.add(ModelClient, ModelClient(gateway=gateway, settings=settings, bus=bus, parser=parser))
    services.add(ModelRegistry, registry)
    services.add(ModelResolver, ModelResolver(registry=registry, config=config, settings=settings))
    registry.refresh_soon()
    tasks.run_every(max(settings.models_cache_ttl, 60), registry.refresh)


COMPONENT = Component(name="providers", setup=set_up)
