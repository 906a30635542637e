"""Set up the notifications of users."""

from __future__ import annotations

from fastback.access.activity import ActivityEvent, ActivityListeners
from fastback.config import Config
from fastback.features.notifications import routes
from fastback.features.notifications.delivery import NotificationDelivery
from fastback.features.notifications.targets import NotificationTargets
from fastback.features.webhooks.sender import WebhookSender
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.kit.web_guard import WebGuard


async def set_up(services: Services) -> None:
    """Add `NotificationTargets` and `NotificationDelivery`, which listens to activity events."""
    db = services.get(Database)
    bus = services.get(Bus)
    targets = NotificationTargets(db, bus, services.get(WebGuard))
    services.add(NotificationTargets, targets)
    delivery = NotificationDelivery(
        targets=targets,
        sender=services.get(WebhookSender),
        db=db,
        config=services.get(Config),
        tasks=services.get(Tasks),
    )
    services.add(NotificationDelivery, delivery)
    bus.subscribe(ActivityEvent, delivery.handle_event)
    listeners = services.get(ActivityListeners)
    listeners.add(delivery.may_deliver)


COMPONENT = Component(name="notifications", routers=[routes.router], setup=set_up)
