"""Starts the telling of events."""

from __future__ import annotations

import uuid

from fastback.access.activity import ActivityEvent, ActivityListeners
from fastback.config import Config
from fastback.features.webhooks import routes
from fastback.features.webhooks.delivery import Delivery
from fastback.features.webhooks.internal_events import Sources
from fastback.features.webhooks.registry import Webhooks
from fastback.features.webhooks.sender import Poster
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.kit.web_guard import WebGuard
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `Webhooks`, `Poster` and `ActivityListeners`."""
    settings = services.get(Settings)
    config = services.get(Config)
    bus = services.get(Bus)
    db = services.get(Database)
    guard = services.get(WebGuard)
    webhooks = Webhooks(config, guard)
    poster = Poster(guard, settings)
    audience = ActivityListeners()
    audience.add(webhooks.wanted)
    for kind, service in ((Webhooks, webhooks), (Poster, poster), (ActivityListeners, audience)):
        services.add(kind, service)
    await webhooks.take_over()
    delivery = Delivery(
        webhooks=webhooks, poster=poster, db=db, tasks=services.get(Tasks), instance_id=str(uuid.uuid4())
    )
    bus.subscribe(ActivityEvent, delivery.happened)
    Sources(bus=bus, db=db, config=config, audience=audience).listen()


COMPONENT = Component(name="webhooks", routers=[routes.router], setup=set_up)
