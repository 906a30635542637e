"""Build the client and the registry of model servers, which are asked for their models after the start and later."""

from __future__ import annotations

import aiohttp

from fastback.access.activity import ActivityEvent
from fastback.access.grants import Grants
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.kit.bus import Bus
from fastback.kit.cluster import Cluster
from fastback.kit.db import Database
from fastback.kit.metrics import Metrics
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.providers.client import ModelClient
from fastback.providers.gateway import ServerGateway
from fastback.providers.large_completions import CompletionParser
from fastback.providers.model_resolution import ModelResolver
from fastback.providers.oauth_tokens import OAuthTokens
from fastback.providers.registry import ModelRegistry
from fastback.providers.server_access import ServerHeaders
from fastback.providers.server_lists import FRESH_SECONDS
from fastback.providers.server_metrics import ServerMetrics
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `OAuthTokens`, `ServerHeaders`, `ServerGateway`, `ModelClient`, `ModelRegistry`, and what these need."""
    config, settings = services.get(Config), services.get(Settings)
    client, bus = services.get(aiohttp.ClientSession), services.get(Bus)
    tasks, permissions = services.get(Tasks), services.get(Permissions)
    oauth_tokens = OAuthTokens()
    services.add(OAuthTokens, oauth_tokens)
    services.add(ServerHeaders, ServerHeaders(permissions=permissions, settings=settings, tokens=oauth_tokens))
    gateway = ServerGateway(client=client, settings=settings, permissions=permissions, tokens=oauth_tokens)
    if services.has(Metrics):
        gateway.add_hook(ServerMetrics(services.get(Metrics)))
    registry = ModelRegistry(
        db=services.get(Database),
        config=config,
        settings=settings,
        client=client,
        permissions=permissions,
        grants=services.get(Grants),
        bus=bus,
        tokens=oauth_tokens,
        cluster=services.get(Cluster),
    )
    services.add(ServerGateway, gateway)
    parser = CompletionParser()
    tasks.run_at_shutdown(parser.workers.close)
    services.add(CompletionParser, parser)
    services.add(ModelClient, ModelClient(gateway=gateway, settings=settings, bus=bus, parser=parser))
    services.add(ModelRegistry, registry)
    services.add(ModelResolver, ModelResolver(registry=registry, config=config, settings=settings))
    # The start does not wait for model servers, and competes with none of their answers.
    bus.subscribe(ActivityEvent, lambda event: _ask_after_start(event, registry))
    tasks.run_every(max(settings.models_cache_ttl, 60), registry.refresh_old_lists)
    tasks.run_at_shutdown(registry.close)


def _ask_after_start(event: ActivityEvent, registry: ModelRegistry) -> None:
    if event.event == "system.startup.completed":
        registry.refresh_soon(FRESH_SECONDS)


COMPONENT = Component(name="providers", setup=set_up)
