"""Starts what the page asks of the server itself."""

from __future__ import annotations

from fastback.config import Config
from fastback.features.server.routes import ConfigBodies
from fastback.features.server.usage import Usage
from fastback.kit.http.binding import Services
from fastback.settings import Settings


async def start(services: Services) -> None:
    """Add `ConfigBodies` and `Usage`."""
    services.add(ConfigBodies, ConfigBodies(services.get(Settings), services.get(Config)))
    services.add(Usage, Usage())
