"""Deliver events to the notification targets of the users concerned, unless a user is active in the page."""

from __future__ import annotations

import logging
from typing import Any

from fastback.access.activity import ActivityEvent
from fastback.config import Config
from fastback.config.keys.interface import UI_ENABLE_USER_WEBHOOKS
from fastback.features.notifications.targets import EVENT_NAMES, InvalidTarget, NotificationTargets, Target
from fastback.features.users import store as users
from fastback.features.webhooks.catalog import load_event_catalog
from fastback.features.webhooks.message import Message, build_message, get_concerned_users
from fastback.features.webhooks.sender import WebhookSender
from fastback.kit.db import Database
from fastback.kit.tasks import Tasks

log = logging.getLogger("fastback.notifications")

#: Heading, payload, and a description or None.
Notification = tuple[str, dict[str, Any], str | None]


def _build_linked_notification(heading: str, action: str, title: str, content: str, url: str) -> Notification:
    description = "\n".join(part for part in (content, url) if part)
    return heading, {"action": action, "message": content, "title": title, "url": url}, description


def format_message(message: Message) -> Notification:
    """Return heading, payload and description of a message, for a human reader."""
    event, data = message["event"], message["data"]
    content, url = str(data.get("message") or ""), str(data.get("url") or "")
    if event == "chat.finished":
        title = str(data.get("title") or message["message"] or "Chat finished")
        return _build_linked_notification(f"**{title}**", "chat", title, content, url)
    if event == "chat.failed":
        title = str(message["message"] or "Chat failed")
        return _build_linked_notification(f"**{title}**", "chat_failed", title, content, url)
    if event == "channel.message":
        title = str(data.get("title") or message["message"] or "Channel")
        return _build_linked_notification(f"**#{title}**", "channel", title, str(data.get("content") or content), url)
    if event == "calendar.alert":
        title = str(data.get("title") or message["message"] or "Calendar alert")
        payload = {"action": "calendar_alert", "title": title, "minutes_until": data.get("minutes_until")}
        payload["event_id"] = data.get("event_id") or (message["subject"] or {}).get("id")
        return f"**{title}**\nstarting {data.get('starts_in') or ''}".strip(), payload, None
    title = str(message["message"] or load_event_catalog()[event].message)
    return title, message, str(content or data.get("preview") or data.get("content_preview") or title)


class NotificationDelivery:
    """Listen to activity events on the bus, and notify the users they concern."""

    def __init__(
        self, *, targets: NotificationTargets, sender: WebhookSender, db: Database, config: Config, tasks: Tasks
    ) -> None:
        self._targets = targets
        self._sender = sender
        self._db = db
        self._config = config
        self._tasks = tasks

    def may_deliver(self, event: str) -> bool:
        """Return whether targets can subscribe to this event, and notifications are enabled."""
        return event in EVENT_NAMES and self._config.get_bool(UI_ENABLE_USER_WEBHOOKS)

    def handle_event(self, event: ActivityEvent) -> None:
        """Start the delivery in the background."""
        if self.may_deliver(event.event):
            self._tasks.run_in_background(self._deliver(build_message(event, "")), may_finish=True)

    async def notify_user(self, user_id: str, text: str, *, target_id: str, title: str) -> str:
        """Send a text to a target of a user, the default one for an empty id; return the id of the target.

        Raises:
            InvalidTarget: there is no such target, it is disabled, or the text did not arrive.
        """
        target_list = await self._targets.load_targets(user_id)
        index = target_list.find_index(target_id.strip() or str(target_list.default_id or ""))
        if index is None:
            raise InvalidTarget("Notification target not found")
        target = target_list.targets[index]
        if not target.get("enabled", True):
            raise InvalidTarget("Notification target is disabled")
        data = {"action": "notify", "user_id": user_id, "message": text, "title": title}
        url = str((target.get("config") or {}).get("url") or "")
        heading = title or "Notification"
        if not url or not await self._sender.send(url, heading, data, text):
            raise InvalidTarget("Webhook delivery failed")
        return str(target.get("id"))

    async def _deliver(self, message: Message) -> None:
        """Post the message to the subscribed targets of every user it concerns."""
        for user_id in get_concerned_users(message):
            try:
                target_list = await self._targets.load_targets(user_id)
            except InvalidTarget:
                continue
            subscribed = [target for target in target_list.targets if self._is_subscribed(target, message["event"])]
            if not subscribed:
                continue
            # The author of a channel message is active; whether the other members read the channel is unknown.
            is_active = message["event"] != "channel.message" and await users.is_active(self._db, user_id)
            heading, data, description = format_message(message)
            for target in subscribed:
                if target.get("delivery", "away") != "away" or not is_active:
                    await self._sender.send(str(target["config"]["url"]), heading, data, description)

    @staticmethod
    def _is_subscribed(target: Target, event: str) -> bool:
        """Return whether the target is enabled, has an address and lists this event."""
        url = (target.get("config") or {}).get("url")
        return bool(target.get("enabled", True) and url and event in (target.get("events") or ()))
