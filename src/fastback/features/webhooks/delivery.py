"""Deliver activity events to the subscribed webhooks, in the background."""

from __future__ import annotations

import logging

import msgspec

from fastback.access.activity import ActivityEvent
from fastback.features.webhooks.catalog import load_event_catalog
from fastback.features.webhooks.message import Message, build_message, get_concerned_users
from fastback.features.webhooks.registry import Target, Webhook, WebhookRegistry, is_subscribed
from fastback.features.webhooks.sender import WebhookSender
from fastback.features.webhooks.store import list_group_ids
from fastback.kit.db import Database
from fastback.kit.priority_semaphore import PrioritySemaphore
from fastback.kit.tasks import Tasks

log = logging.getLogger("fastback.events")

#: Requests to one webhook at the same time; events queued for one webhook (further events are skipped).
MAX_CONCURRENT, MAX_QUEUED = 8, 1000


class _WebhookQueue:
    """Events that wait for, or are in, their request to one webhook."""

    def __init__(self) -> None:
        self.gate = PrioritySemaphore()
        self.size = 0
        self.is_overflow_logged = False


class WebhookDelivery:
    """Listen to activity events on the bus, and post them to webhooks. A slow webhook delays only itself."""

    def __init__(
        self, *, webhooks: WebhookRegistry, sender: WebhookSender, db: Database, tasks: Tasks, instance_id: str
    ) -> None:
        self._webhooks = webhooks
        self._sender = sender
        self._db = db
        self._tasks = tasks
        self._instance_id = instance_id
        #: By webhook id; a queue is removed when it is empty.
        self._queues: dict[str, _WebhookQueue] = {}

    def handle_event(self, event: ActivityEvent) -> None:
        """Start the delivery to every subscribed webhook."""
        webhooks = self._webhooks.list_webhooks()
        subscribed = [webhook for webhook in webhooks if webhook["url"] and is_subscribed(webhook, event.event)]
        message = build_message(event, self._instance_id) if subscribed else {}
        for webhook in subscribed:
            queue = self._queues.setdefault(str(webhook["id"]), _WebhookQueue())
            if queue.size < MAX_QUEUED:
                queue.size += 1
                self._tasks.run_in_background(self._deliver(webhook, queue, message), may_finish=True)
            elif not queue.is_overflow_logged:
                queue.is_overflow_logged = True
                log.warning("webhook %r is slower than events come: further events are skipped", webhook["name"])

    async def _deliver(self, webhook: Webhook, queue: _WebhookQueue, message: Message) -> None:
        """Post one message once the queue has a free place, if it concerns the webhook's targets."""
        try:
            async with queue.gate.acquire(MAX_CONCURRENT):
                targets = msgspec.convert(webhook["targets"], list[Target] | None)
                if await self._is_targeted(targets, get_concerned_users(message)):
                    description = load_event_catalog().get(message["event"])
                    text = message["message"] or (description.message if description else message["event"])
                    subject_id = (message["subject"] or {}).get("id")
                    if subject_id:
                        text = f"{text} ({subject_id})"
                    await self._sender.send(
                        str(webhook["url"]), text, message, description.description if description else None
                    )
        finally:
            queue.size -= 1
            if not queue.size:
                self._queues.pop(str(webhook["id"]), None)

    async def _is_targeted(self, targets: list[Target] | None, user_ids: set[str]) -> bool:
        """Return whether the event concerns one of the targets; an empty list selects events that concern no user."""
        if targets is None:
            return True
        if not targets or not user_ids:
            return not targets and not user_ids
        if any(target["type"] == "user" and target["id"] in user_ids for target in targets):
            return True
        group_ids = {target["id"] for target in targets if target["type"] == "group"}
        if not group_ids:
            return False
        return not group_ids.isdisjoint(await list_group_ids(self._db, user_ids))
