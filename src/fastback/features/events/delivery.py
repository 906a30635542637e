"""Carries what happened to the webhooks that ask for it, beside the work that made it happen."""

from __future__ import annotations

import msgspec

from fastback.access.happened import Happened
from fastback.features.events.catalog import catalog
from fastback.features.events.message import Message, concerned, message_of
from fastback.features.events.posting import Poster
from fastback.features.events.webhooks import Target, Webhooks, wants
from fastback.kit.db import Database
from fastback.kit.tasks import Tasks

_GROUPS = """
    WITH RECURSIVE up(id) AS (
        SELECT group_id FROM group_member WHERE user_id = ANY(:user_ids)
        UNION
        SELECT g.parent_group_id FROM "group" g JOIN up ON g.id = up.id WHERE g.parent_group_id IS NOT NULL
    )
    SELECT id FROM up"""


class Delivery:
    """Listens to the bus."""

    def __init__(self, webhooks: Webhooks, poster: Poster, db: Database, tasks: Tasks, instance_id: str) -> None:
        self._webhooks = webhooks
        self._poster = poster
        self._db = db
        self._tasks = tasks
        self._instance_id = instance_id

    def happened(self, event: Happened) -> None:
        """Start the delivery, where anybody wants to be told."""
        asked = [one for one in self._webhooks.all() if one["url"] and wants(one, event.event)]
        if asked:
            self._tasks.background(self._deliver(asked, message_of(event, self._instance_id)), awaited=True)

    async def _deliver(self, asked: list[dict[str, object]], message: Message) -> None:
        known = catalog().get(message["event"])
        text = message["message"] or (known.message if known else message["event"])
        subject_id = (message["subject"] or {}).get("id")
        if subject_id:
            text = f"{text} ({subject_id})"
        users = concerned(message)
        for webhook in asked:
            if await self._meant(msgspec.convert(webhook["targets"], list[Target] | None), users):
                await self._poster.post(str(webhook["url"]), text, message, known.description if known else None)

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
        return not groups.isdisjoint(await self._db.all(str, "events.groups", _GROUPS, user_ids=list(users)))
