"""Starts the telling of users."""

from __future__ import annotations

from fastback.access.activity import Audience, Happened
from fastback.config import Config
from fastback.features.notifications.delivery import Notifications
from fastback.features.notifications.targets import Targets
from fastback.features.webhooks.sender import Poster
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http.binding import Services
from fastback.kit.tasks import Tasks
from fastback.kit.web_guard import WebGuard


async def start(services: Services) -> None:
    """Add `Targets`."""
    db: Database = services.get(Database)
    bus: Bus = services.get(Bus)
    targets = Targets(db, bus, services.get(WebGuard))
    services.add(Targets, targets)
    telling = Notifications(targets, services.get(Poster), db, services.get(Config), services.get(Tasks))
    bus.subscribe(Happened, telling.happened)
    audience: Audience = services.get(Audience)
    audience.add(telling.wanted)
