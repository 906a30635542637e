"""Notifications of channel messages: events for the members who are not connected, which their targets receive."""

from __future__ import annotations

from typing import Protocol

from fastback.access.activity import ActivityEvent, ActivityListeners
from fastback.access.grants import Grants
from fastback.config import Config
from fastback.config.keys.auth import WEBUI_URL
from fastback.config.keys.interface import UI_ENABLE_USER_WEBHOOKS
from fastback.features.channels import notification_store
from fastback.features.channels.access import KIND
from fastback.features.channels.events import MessagePosted
from fastback.features.channels.members import reader_store
from fastback.features.channels.members.readers import find_readers
from fastback.features.channels.mentions import list_mentioned_ids
from fastback.features.channels.notification_store import Recipient
from fastback.features.notifications.delivery import NotificationDelivery
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.pacing import let_others_run
from fastback.kit.tasks import Tasks

EVENT = "channel.message"
_PREVIEW_LENGTH = 300


class ConnectedUsers(Protocol):
    """The users with an open page, in any process; `fastback.realtime.connected_users` knows them."""

    async def list_user_ids(self) -> set[str]:
        """Return their ids."""
        ...


class ChannelNotifications:
    """Publish an event for each absent member who may want to hear of a message.

    Members who have muted the channel hear only of messages that mention them.
    """

    def __init__(
        self,
        *,
        db: Database,
        config: Config,
        grants: Grants,
        delivery: NotificationDelivery,
        listeners: ActivityListeners,
        connected: ConnectedUsers,
        tasks: Tasks,
        bus: Bus,
    ) -> None:
        self._db = db
        self._config = config
        self._grants = grants
        self._delivery = delivery
        self._listeners = listeners
        self._connected = connected
        self._tasks = tasks
        self._bus = bus
        bus.subscribe(MessagePosted, self._handle_message)

    def _handle_message(self, event: MessagePosted) -> None:
        """Look in the background for members to notify, where anything would receive the event."""
        if self._config.get_bool(UI_ENABLE_USER_WEBHOOKS) and self._listeners.has_listener(EVENT):
            self._tasks.run_in_background(self._notify_members(event), may_finish=True)

    async def _notify_members(self, event: MessagePosted) -> None:
        mentioned_ids = set(list_mentioned_ids(event.message.content, "U"))
        connected_ids = await self._connected.list_user_ids()
        for recipient in await self._list_recipients(event):
            if recipient.user_id in connected_ids or recipient.user_id == event.ctx.requester.id:
                continue
            if recipient.is_muted and recipient.user_id not in mentioned_ids:
                continue
            await self._bus.publish(self._build_event(event, recipient.user_id))
            await let_others_run()

    async def _list_recipients(self, event: MessagePosted) -> list[Recipient]:
        """Return the members who may read the channel, and have settings that may name a target."""
        # Event webhooks hear of every member; targets hear only of subscribers.
        subscribed = not self._listeners.has_other_listener(self._delivery.may_deliver, EVENT)
        recipients = await notification_store.list_recipients(self._db, event.channel.id, subscribed=subscribed)
        if event.channel.has_members or not recipients:
            return recipients
        readers = find_readers(event.channel, await self._grants.list_grants(KIND, event.channel.id))
        if readers.audience == "everybody":
            return recipients
        reader_ids = await reader_store.list_reader_ids(self._db, readers)
        return [recipient for recipient in recipients if recipient.user_id in reader_ids]

    def _build_event(self, event: MessagePosted, user_id: str) -> ActivityEvent:
        channel, message = event.channel, event.message
        url = f"{self._config.get_text(WEBUI_URL)}/channels/{channel.id}"
        data = {
            "user_id": user_id,
            "channel_id": channel.id,
            "message_id": message.id,
            "sender_id": message.user_id,
            "content": message.content,
            "message": f"#{channel.name} - {url}\n\n{message.content}",
            "content_preview": message.content[:_PREVIEW_LENGTH],
            "title": channel.name,
            "url": url,
        }
        return ActivityEvent(EVENT, None, channel.id, "channel", data, channel.name)
