"""Starts what speech needs."""

from __future__ import annotations

import aiohttp

from fastback.config import Config
from fastback.features.audio.voices import Speakers
from fastback.kit.http.binding import Services
from fastback.settings import Settings


async def start(services: Services) -> None:
    """Add `Speakers`."""
    services.add(Speakers, Speakers(services.get(aiohttp.ClientSession), services.get(Config), services.get(Settings)))
