"""Set up image generation."""

from __future__ import annotations

import aiohttp

from fastback.config import Config
from fastback.features.images import routes
from fastback.features.images.engines import ImageEngines
from fastback.features.images.service import ImageService
from fastback.kit.services import Component, Services
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Register `ImageEngines` and `ImageService`."""
    client, config, settings = services.get(aiohttp.ClientSession), services.get(Config), services.get(Settings)
    services.add(ImageEngines, ImageEngines(client, config, settings))
    services.add(ImageService, ImageService(services))


COMPONENT = Component(name="images", routers=[routes.router], setup=set_up)
