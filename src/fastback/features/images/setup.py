"""Starts what pictures need."""

from __future__ import annotations

import aiohttp

from fastback.config import Config
from fastback.features.images.engines import Engines
from fastback.kit.http.binding import Services
from fastback.settings import Settings


async def start(services: Services) -> None:
    """Add `Engines`."""
    services.add(Engines, Engines(services.get(aiohttp.ClientSession), services.get(Config), services.get(Settings)))
