"""Set up image generation."""

from __future__ import annotations

import aiohttp

from fastback.config import Config
from fastback.features.images import routes
from fastback.features.images.engines import ImageEngines
from fastback.kit.services import Component, Services
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Register `ImageEngines`."""
    services.add(
        ImageEngines, ImageEngines(services.get(aiohttp.ClientSession), services.get(Config), services.get(Settings))
    )


COMPONENT = Component(name="images", routers=[routes.router], setup=set_up)
