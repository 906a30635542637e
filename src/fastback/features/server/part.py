"""Starts what the page asks of the server itself."""

from __future__ import annotations

from pathlib import Path

from fastback.config import Config
from fastback.features.server import documents
from fastback.features.server.routes import ConfigBodies
from fastback.features.server.usage import Usage
from fastback.frontend import fetch
from fastback.kit.http.binding import Services
from fastback.settings import Settings


async def start(services: Services) -> None:
    """Add `ConfigBodies` and `Usage`."""
    settings: Settings = services.get(Settings)
    bodies = ConfigBodies(settings, services.get(Config))
    path = fetch.location(cache=Path(settings.fastback_cache_dir) if settings.fastback_cache_dir else None)
    try:
        bodies.changelog = documents.changelog((path / "CHANGELOG.md").read_text())
    except OSError:
        bodies.changelog = {}  # no frontend was fetched
    services.add(ConfigBodies, bodies)
    services.add(Usage, Usage())
