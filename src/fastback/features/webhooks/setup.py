"""Starts the telling of events."""

from __future__ import annotations

import uuid

from fastback.access.activity import Audience, Happened
from fastback.config import Config
from fastback.features.webhooks.delivery import Delivery
from fastback.features.webhooks.sender import Poster
from fastback.features.webhooks.sources import Sources
from fastback.features.webhooks.webhooks import Webhooks
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http.binding import Services
from fastback.kit.tasks import Tasks
from fastback.kit.web_guard import WebGuard
from fastback.settings import Settings


async def start(services: Services) -> None:
    """Add `Webhooks`, `Poster` and `Audience`."""
    settings: Settings = services.get(Settings)
    config: Config = services.get(Config)
    bus: Bus = services.get(Bus)
    db: Database = services.get(Database)
    guard: WebGuard = services.get(WebGuard)
    webhooks = Webhooks(config, guard)
    poster = Poster(guard, settings)
    audience = Audience()
    audience.add(webhooks.wanted)
    for kind, service in ((Webhooks, webhooks), (Poster, poster), (Audience, audience)):
        services.add(kind, service)
    await webhooks.take_over()
    delivery = Delivery(webhooks, poster, db, services.get(Tasks), str(uuid.uuid4()))
    bus.subscribe(Happened, delivery.happened)
    Sources(bus, db, config, audience).listen()
