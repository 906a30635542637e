"""Starts the telling of users."""

from __future__ import annotations

from fastback.access.activity import ActivityEvent, ActivityListeners
from fastback.config import Config
from fastback.features.notifications import routes
from fastback.features.notifications.delivery import Notifications
from fastback.features.notifications.targets import Targets
from fastback.features.webhooks.sender import Poster
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.kit.web_guard import WebGuard


async def set_up(services: Services) -> None:
    """Add `Targets`."""
    db = services.get(Database)
    bus = services.get(Bus)
    targets = Targets(db, bus, services.get(WebGuard))
    services.add(Targets, targets)
    telling = Notifications(
        targets=targets, poster=services.get(Poster), db=db, config=services.get(Config), tasks=services.get(Tasks)
    )
    bus.subscribe(ActivityEvent, telling.happened)
    audience = services.get(ActivityListeners)
    audience.add(telling.wanted)


COMPONENT = Component(name="notifications", routers=[routes.router], setup=set_up)
