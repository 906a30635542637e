"""Starts what the page asks of the server itself."""

from __future__ import annotations

from pathlib import Path

from fastback.config import Config
from fastback.features.server.readiness import Readiness
from fastback.features.server.routes import ConfigBodies
from fastback.features.server.usage import Usage
from fastback.frontend import fetch
from fastback.frontend.changelog import changelog
from fastback.kit.db import Database
from fastback.kit.http.binding import Services
from fastback.kit.http.body import encoder
from fastback.kit.redis import Redis
from fastback.settings import Settings


async def start(services: Services) -> None:
    """Add `ConfigBodies`, `Usage` and `Readiness`."""
    settings: Settings = services.get(Settings)
    bodies = ConfigBodies(settings, services.get(Config))
    path = fetch.location(cache=Path(settings.fastback_cache_dir) if settings.fastback_cache_dir else None)
    try:
        bodies.changelog = encoder.encode(changelog((path / "CHANGELOG.md").read_text(encoding="utf-8")))
    except OSError:
        bodies.changelog = b"{}"  # no frontend was fetched
    services.add(ConfigBodies, bodies)
    services.add(Usage, Usage())
    redis = services.get(Redis) if services.has(Redis) else None
    services.add(Readiness, Readiness(services.get(Database), redis))
