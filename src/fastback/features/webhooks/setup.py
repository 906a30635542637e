"""Set up event webhooks."""

from __future__ import annotations

import uuid

from fastback.access.activity import ActivityEvent, ActivityListeners
from fastback.config import Config
from fastback.features.functions.catalogue import FunctionCatalogue
from fastback.features.functions.events import FunctionsChanged
from fastback.features.webhooks import routes
from fastback.features.webhooks.delivery import WebhookDelivery
from fastback.features.webhooks.function_delivery import FunctionDelivery
from fastback.features.webhooks.internal_events import InternalEventTranslator
from fastback.features.webhooks.registry import WebhookRegistry
from fastback.features.webhooks.sender import WebhookSender
from fastback.kit.bus import Bus, EventsLost
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.kit.web_guard import WebGuard
from fastback.plugins.host import PluginHost
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Register `WebhookRegistry`, `WebhookSender` and `ActivityListeners`, and subscribe the delivery to events."""
    settings = services.get(Settings)
    config = services.get(Config)
    bus = services.get(Bus)
    db = services.get(Database)
    guard = services.get(WebGuard)
    registry = WebhookRegistry(config, guard)
    sender = WebhookSender(guard, settings)
    listeners = ActivityListeners()
    listeners.add(registry.has_subscriber)
    for kind, service in ((WebhookRegistry, registry), (WebhookSender, sender), (ActivityListeners, listeners)):
        services.add(kind, service)
    await registry.migrate_legacy_url()
    tasks = services.get(Tasks)
    instance_id = str(uuid.uuid4())
    delivery = WebhookDelivery(webhooks=registry, sender=sender, db=db, tasks=tasks, instance_id=instance_id)
    bus.subscribe(ActivityEvent, delivery.handle_event)
    if settings.enable_functions:
        function_delivery = FunctionDelivery(
            catalogue=services.get(FunctionCatalogue),
            host=services.get(PluginHost),
            db=db,
            tasks=tasks,
            instance_id=instance_id,
        )
        await function_delivery.refresh()
        bus.subscribe(FunctionsChanged, function_delivery.refresh, elsewhere=True)
        bus.subscribe(EventsLost, lambda event: function_delivery.refresh())
        bus.subscribe(ActivityEvent, function_delivery.handle_event)
        listeners.add(function_delivery.has_functions)
    InternalEventTranslator(bus=bus, db=db, config=config, listeners=listeners, tasks=tasks).subscribe()


COMPONENT = Component(name="webhooks", routers=[routes.router], setup=set_up)
