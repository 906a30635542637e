"""Set up the routes about the server."""

from __future__ import annotations

from pathlib import Path

from fastback.config import Config
from fastback.features.server import routes
from fastback.features.server.readiness import ReadinessChecks
from fastback.features.server.routes import PageConfigCache
from fastback.features.server.telemetry import start_telemetry
from fastback.frontend import fetch
from fastback.frontend.changelog import Changelog
from fastback.kit.db import Database
from fastback.kit.redis import Redis
from fastback.kit.services import Component, Services
from fastback.kit.storage import Storage
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Register `PageConfigCache`, `Changelog` and `ReadinessChecks`, and start the telemetry."""
    settings = services.get(Settings)
    bodies = PageConfigCache(settings, services.get(Config))
    path = fetch.get_location(cache=Path(settings.fastback_cache_dir) if settings.fastback_cache_dir else None)
    services.add(PageConfigCache, bodies)
    services.add(Changelog, Changelog(path / "CHANGELOG.md"))
    redis = services.get(Redis) if services.has(Redis) else None
    services.add(ReadinessChecks, ReadinessChecks(services.get(Database), redis, services.get(Storage).directory))
    start_telemetry(services)


COMPONENT = Component(name="server", routers=[routes.router], setup=set_up)
