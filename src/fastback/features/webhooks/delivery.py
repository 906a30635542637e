"""Carries what happened to the webhooks that ask for it, beside the work that made it happen."""

from __future__ import annotations

import logging

import msgspec

from fastback.access.activity import ActivityEvent
from fastback.features.webhooks.catalog import catalog
from fastback.features.webhooks.message import Message, concerned, message_of
from fastback.features.webhooks.registry import Target, Webhook, Webhooks, wants
from fastback.features.webhooks.sender import Poster
from fastback.kit.db import Database
from fastback.kit.priority_semaphore import PrioritySemaphore
from fastback.kit.tasks import Tasks

log = logging.getLogger("fastback.events")

#: A webhook is told of so many events at the same time, and no more are kept for one that is slow.
AT_ONCE, MOST = 8, 1000

_GROUPS = """
    WITH RECURSIVE up(id) AS (
        SELECT group_id FROM group_member WHERE user_id = ANY(:user_ids)
        UNION
        SELECT g.parent_group_id FROM "group" g JOIN up ON g.id = up.id WHERE g.parent_group_id IS NOT NULL
    )
    SELECT id FROM up"""


class _Line:
    """Events on their way to one webhook."""

    def __init__(self) -> None:
        self.gate = PrioritySemaphore()
        self.length = 0
        self.full = False


class Delivery:
    """Listens to the bus. A webhook that is slow holds up itself alone."""

    def __init__(self, *, webhooks: Webhooks, poster: Poster, db: Database, tasks: Tasks, instance_id: str) -> None:
        self._webhooks = webhooks
        self._poster = poster
        self._db = db
        self._tasks = tasks
        self._instance_id = instance_id
        #: By the webhook's id, as long as anything is on its way.
        self._lines: dict[str, _Line] = {}

    def happened(self, event: ActivityEvent) -> None:
        """Start the delivery, where anybody wants to be told."""
        asked = [one for one in self._webhooks.all() if one["url"] and wants(one, event.event)]
        message = message_of(event, self._instance_id) if asked else {}
        for webhook in asked:
            line = self._lines.setdefault(str(webhook["id"]), _Line())
            if line.length < MOST:
                line.length += 1
                self._tasks.run_in_background(self._deliver(webhook, line, message), may_finish=True)
            elif not line.full:
                line.full = True
                log.warning("the webhook %r is slower than events come: it is not told of all", webhook["name"])

    async def _deliver(self, webhook: Webhook, line: _Line, message: Message) -> None:
        try:
            async with line.gate.acquire(AT_ONCE):
                targets = msgspec.convert(webhook["targets"], list[Target] | None)
                if await self._meant(targets, concerned(message)):
                    known = catalog().get(message["event"])
                    text = message["message"] or (known.message if known else message["event"])
                    subject_id = (message["subject"] or {}).get("id")
                    if subject_id:
                        text = f"{text} ({subject_id})"
                    await self._poster.post(str(webhook["url"]), text, message, known.description if known else None)
        finally:
            line.length -= 1
            if not line.length:
                self._lines.pop(str(webhook["id"]), None)

    async def _meant(self, targets: list[Target] | None, users: set[str]) -> bool:
        """Whether the event is about one of the targets; an empty list means events that are about nobody."""
        if targets is None:
            return True
        if not targets or not users:
            return not targets and not users
        if any(one["type"] == "user" and one["id"] in users for one in targets):
            return True
        groups = {one["id"] for one in targets if one["type"] == "group"}
        if not groups:
            return False
        return not groups.isdisjoint(await self._db.fetch_all(str, "events.groups", _GROUPS, user_ids=list(users)))
