"""Tells users of what concerns them, where they asked for it, and unless they are here to see it."""

from __future__ import annotations

import logging
from typing import Any

from fastback.access.activity import ActivityEvent
from fastback.config import Config
from fastback.config.keys.interface import UI_ENABLE_USER_WEBHOOKS
from fastback.features.notifications.targets import NAMES, InvalidTarget, Target, Targets
from fastback.features.users import store as users
from fastback.features.webhooks.catalog import catalog
from fastback.features.webhooks.message import Message, concerned, message_of
from fastback.features.webhooks.sender import Poster
from fastback.kit.db import Database
from fastback.kit.tasks import Tasks

log = logging.getLogger("fastback.notifications")

#: What is said, with which data, described how.
Words = tuple[str, dict[str, Any], str | None]


def _linked(heading: str, action: str, title: str, content: str, url: str) -> Words:
    body = "\n".join(part for part in (content, url) if part)
    return heading, {"action": action, "message": content, "title": title, "url": url}, body


def words_of(message: Message) -> Words:
    """A message as a person reads it."""
    event, data = message["event"], message["data"]
    content, url = str(data.get("message") or ""), str(data.get("url") or "")
    if event == "chat.finished":
        title = str(data.get("title") or message["message"] or "Chat finished")
        return _linked(f"**{title}**", "chat", title, content, url)
    if event == "chat.failed":
        title = str(message["message"] or "Chat failed")
        return _linked(f"**{title}**", "chat_failed", title, content, url)
    if event == "channel.message":
        title = str(data.get("title") or message["message"] or "Channel")
        return _linked(f"**#{title}**", "channel", title, str(data.get("content") or content), url)
    if event == "calendar.alert":
        title = str(data.get("title") or message["message"] or "Calendar alert")
        told = {"action": "calendar_alert", "title": title, "minutes_until": data.get("minutes_until")}
        told["event_id"] = data.get("event_id") or (message["subject"] or {}).get("id")
        return f"**{title}**\nstarting {data.get('starts_in') or ''}".strip(), told, None
    title = str(message["message"] or catalog()[event].message)
    return title, message, str(content or data.get("preview") or data.get("content_preview") or title)


class Notifications:
    """Listens to the bus."""

    def __init__(self, *, targets: Targets, poster: Poster, db: Database, config: Config, tasks: Tasks) -> None:
        self._targets = targets
        self._poster = poster
        self._db = db
        self._config = config
        self._tasks = tasks

    def wanted(self, event: str) -> bool:
        """Whether somebody may want to be told of this event."""
        return event in NAMES and self._config.flag(UI_ENABLE_USER_WEBHOOKS)

    def happened(self, event: ActivityEvent) -> None:
        """Start telling whom it concerns."""
        if self.wanted(event.event):
            self._tasks.run_in_background(self._tell(message_of(event, "")), may_finish=True)

    async def _tell(self, message: Message) -> None:
        for user_id in concerned(message):
            try:
                targets = (await self._targets.load(user_id)).targets
            except InvalidTarget:
                continue
            wanted = [one for one in targets if self._asks(one, message["event"])]
            if not wanted:
                continue
            # Whoever posts into a channel is here; whether others look at it nobody knows.
            here = message["event"] != "channel.message" and await users.is_active(self._db, user_id)
            heading, data, description = words_of(message)
            for target in wanted:
                if target.get("delivery", "away") != "away" or not here:
                    await self._poster.post(str(target["config"]["url"]), heading, data, description)

    @staticmethod
    def _asks(target: Target, event: str) -> bool:
        url = (target.get("config") or {}).get("url")
        return bool(target.get("enabled", True) and url and event in (target.get("events") or ()))
