"""Events about messages for the apps in a channel: written, changed and deleted ones, in their order.

An event that an app did not get, as it was disconnected or busy, is sent again for a minute. One that it may have got
is not: the app would handle it twice. Events that wait are in memory, within limits; a restart loses them.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import deque
from typing import Any

import msgspec

from fastback.features.apps.access import AppAccess, has_scope
from fastback.features.apps.connections.service import AppConnections, EventTooLarge
from fastback.features.apps.context_tokens import ContextTokens
from fastback.features.apps.schemas import App
from fastback.features.channels.apps import store
from fastback.features.channels.apps.access import AppChannelAccess
from fastback.features.channels.apps.message_content import describe_deleted_message, describe_message
from fastback.features.channels.events import MessageWritten, RepliesDeleted
from fastback.features.channels.messages.stored_data import is_unfinished_answer
from fastback.kit.bus import Bus
from fastback.kit.clock import clock
from fastback.kit.db import Database
from fastback.kit.http import HttpError
from fastback.kit.tasks import Tasks

log = logging.getLogger("fastback.apps")

#: Seconds that an app has to acknowledge an event, and that a token of an event is valid.
EVENT_SECONDS, TOKEN_SECONDS = 10, 300
#: Seconds for which an event is sent again, and between two attempts at first and at last.
RETRY_SECONDS, FIRST_DELAY, LAST_DELAY = 60.0, 1.0, 10.0
#: Events of one app that wait, and their bytes.
MAX_WAITING, MAX_WAITING_BYTES = 1000, 8 * 1024 * 1024

_SCOPE = "channels:messages:read"
_BUSY, _TOO_LARGE = 503, 413


class _Event(msgspec.Struct):
    """An event for an app; `message` is encoded, and `created_at` a monotonic time."""

    id: str
    kind: str
    channel_id: str
    message: msgspec.Raw
    created_at: float


class _Outbox:
    """The events that wait for one app."""

    def __init__(self) -> None:
        self._events: deque[_Event] = deque()
        self._size = 0
        self.is_running = False

    def add(self, event: _Event) -> bool:
        """Add an event; return False where there is no room for it."""
        size = len(bytes(event.message))
        if len(self._events) >= MAX_WAITING or self._size + size > MAX_WAITING_BYTES:
            return False
        self._events.append(event)
        self._size += size
        return True

    def pop(self) -> _Event | None:
        """Remove the oldest event and return it; None where none waits."""
        if not self._events:
            return None
        event = self._events.popleft()
        self._size -= len(bytes(event.message))
        return event


class AppMessageEvents:
    """Send events about messages to the apps in their channel that may read it."""

    def __init__(
        self,
        *,
        db: Database,
        apps: AppAccess,
        access: AppChannelAccess,
        connections: AppConnections,
        tokens: ContextTokens,
        tasks: Tasks,
        bus: Bus,
    ) -> None:
        self._db = db
        self._apps = apps
        self._access = access
        self._connections = connections
        self._tokens = tokens
        self._tasks = tasks
        self._outboxes: dict[str, _Outbox] = {}
        bus.subscribe(MessageWritten, self._handle_message)
        bus.subscribe(RepliesDeleted, self._handle_replies)

    async def _handle_message(self, event: MessageWritten) -> None:
        # A model's answer is published when it has ended.
        if event.change == "updated" and is_unfinished_answer(event.message.meta):
            return
        if self._access.is_enabled:
            describe = describe_deleted_message if event.change == "deleted" else describe_message
            await self._queue_event(event.change, event.message.channel_id or "", describe(event.message))

    async def _handle_replies(self, event: RepliesDeleted) -> None:
        if self._access.is_enabled:
            for row in event.replies:
                await self._queue_event("deleted", event.channel_id, describe_deleted_message(row))

    async def _queue_event(self, change: str, channel_id: str, message: dict[str, Any]) -> None:
        app_ids = await store.list_receivers(self._db, channel_id, clock.time_ns())
        if not app_ids:
            return
        content = msgspec.Raw(msgspec.json.encode(message))
        event = _Event(str(uuid.uuid4()), f"channel.message.{change}", channel_id, content, time.monotonic())
        for app_id in app_ids:
            outbox = self._outboxes.setdefault(app_id, _Outbox())
            if not outbox.add(event):
                log.warning("event %s for app %s skipped: too many wait", event.kind, app_id)
            elif not outbox.is_running:
                outbox.is_running = True
                self._tasks.run_in_background(self._empty_outbox(app_id, outbox), may_finish=True)

    async def _empty_outbox(self, app_id: str, outbox: _Outbox) -> None:
        try:
            while (event := outbox.pop()) is not None:
                try:
                    await self._deliver_event(app_id, event)
                except Exception:
                    log.exception("sending event %s to app %s failed", event.kind, app_id)
        finally:
            outbox.is_running = False

    async def _deliver_event(self, app_id: str, event: _Event) -> None:
        """Send an event, again while the app is disconnected or busy."""
        delay = FIRST_DELAY
        while True:
            app = await self._find_receiver(app_id, event.channel_id)
            if app is None:
                return
            status = await self._send_event(app, event)
            if 200 <= status < 300:
                return
            if status != _BUSY or time.monotonic() - event.created_at > RETRY_SECONDS:
                log.warning("event %s failed, app %s did not acknowledge it: %d", event.kind, app_id, status)
                return
            log.info("event %s for app %s failed, retrying in %g s", event.kind, app_id, delay)
            await asyncio.sleep(delay)
            delay = min(delay * 2, LAST_DELAY)

    async def _find_receiver(self, app_id: str, channel_id: str) -> App | None:
        """Return an app as it is now; None where it may not read the channel any more."""
        try:
            app = await self._apps.get_active_app(app_id)
            await self._access.get_joined_channel(app, channel_id)
        except HttpError:
            return None
        return app if has_scope(app, _SCOPE) and app.data.get("installation_id") else None

    async def _send_event(self, app: App, event: _Event) -> int:
        """Send an event, and return the status of the answer, or of the failure."""
        envelope = {
            "id": event.id,
            "type": event.kind,
            "message": event.message,
            "app_id": app.id,
            "installation_id": app.data["installation_id"],
            "channel": {"id": event.channel_id},
        }
        envelope["event_token"] = self._tokens.create(app, "event", envelope, seconds=TOKEN_SECONDS)
        try:
            status, _ = await self._connections.send_event(app, envelope, seconds=EVENT_SECONDS)
        except HttpError as error:
            return error.status
        except EventTooLarge:
            return _TOO_LARGE
        return status
