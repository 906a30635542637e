"""Starts the changing of groups."""

from __future__ import annotations

from fastback.features.groups.service import Groups
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http.binding import Services
from fastback.settings import Settings


async def start(services: Services) -> None:
    """Add `Groups`."""
    services.add(Groups, Groups(services.get(Database), services.get(Bus), services.get(Settings)))
