"""Set up speech."""

from __future__ import annotations

import aiohttp

from fastback.config import Config
from fastback.features.audio import routes
from fastback.features.audio.voices import SpeechCatalog
from fastback.kit.services import Component, Services
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Register `SpeechCatalog`."""
    services.add(
        SpeechCatalog, SpeechCatalog(services.get(aiohttp.ClientSession), services.get(Config), services.get(Settings))
    )


COMPONENT = Component(name="audio", routers=[routes.router], setup=set_up)
