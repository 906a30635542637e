"""Build the service that forwards requests to model servers."""

from __future__ import annotations

import aiohttp

from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.features.connections import routes
from fastback.features.connections.forwarding import RequestForwarder
from fastback.kit.bus import Bus
from fastback.kit.services import Component, Services
from fastback.providers.gateway import ServerGateway
from fastback.providers.registry import ModelRegistry
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `RequestForwarder`."""
    forwarding = RequestForwarder(
        config=services.get(Config),
        settings=services.get(Settings),
        client=services.get(aiohttp.ClientSession),
        gateway=services.get(ServerGateway),
        registry=services.get(ModelRegistry),
        permissions=services.get(Permissions),
        bus=services.get(Bus),
    )
    services.add(RequestForwarder, forwarding)


COMPONENT = Component(name="connections", routers=routes.routers, setup=set_up)
