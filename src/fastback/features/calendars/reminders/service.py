"""Send reminders of events: once per installation, and once for each start of an event.

A series is reminded of at its first occurrence alone, as in Open WebUI.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.activity import ActivityEvent
from fastback.access.grants import Grants
from fastback.config import Config
from fastback.config.keys.features import CALENDAR_ENABLE
from fastback.features.calendars.access import KIND
from fastback.features.calendars.reminders import store
from fastback.features.calendars.reminders.events import ReminderMessage
from fastback.features.calendars.reminders.store import RemindedEvent, UpcomingEvent
from fastback.kit.bus import Bus
from fastback.kit.clock import clock
from fastback.kit.cluster import Cluster
from fastback.kit.cluster.interface import Lease
from fastback.kit.db import Database
from fastback.kit.storable_text import encode_json

_MINUTE = 60 * 10**9
#: Minutes before an event at which its reminder can be sent, at most.
MAX_ALERT_MINUTES = 7 * 24 * 60
#: Seconds after its start in which an event is still reminded of, beside the pause between two checks.
_GRACE_SECONDS = 5


def _read_meta(meta: msgspec.Raw) -> dict[str, Any]:
    value = msgspec.json.decode(meta)
    return value if isinstance(value, dict) else {}


class Reminders:
    """Check for events that begin soon, and remind their creators."""

    def __init__(
        self,
        *,
        db: Database,
        config: Config,
        grants: Grants,
        bus: Bus,
        cluster: Cluster,
        poll_seconds: int,
        lookahead_minutes: int,
    ) -> None:
        self._db = db
        self._grants = grants
        self._config = config
        self._bus = bus
        self._cluster = cluster
        self._poll_seconds = poll_seconds
        self._lookahead = max(lookahead_minutes, 0) * _MINUTE
        self._lease: Lease | None = None

    async def check(self) -> None:
        """Send the reminders that are due, unless another process of the installation does."""
        if self._lease is None or not await self._lease.renew():
            name, seconds = "calendars:reminders", 3 * self._poll_seconds
            self._lease = await self._cluster.acquire_lease(name, seconds=seconds)
        if self._lease is not None and self._config.get_bool(CALENDAR_ENABLE):
            await self.send_due()

    async def send_due(self) -> int:
        """Send the reminders that are due and return their number."""
        now = clock.time_ns()
        upcoming = await store.list_upcoming(
            self._db,
            earliest=now - (self._poll_seconds + _GRACE_SECONDS) * 10**9,
            soon=now + self._lookahead,
            latest=now + MAX_ALERT_MINUTES * _MINUTE,
        )
        sent = 0
        for event in upcoming:
            if not self._is_due(event, now) or not await self._may_read(event):
                continue
            if (claimed := await self._claim(event)) is not None:
                await self._send(claimed, now)
                sent += 1
        return sent

    async def _may_read(self, event: UpcomingEvent) -> bool:
        """Return whether the creator of an event may still read its calendar."""
        if event.role == "pending":
            return False
        if event.user_id == event.owner_id or event.role == "admin":
            return True
        return await self._grants.has_access(event.user_id, KIND, event.calendar_id)

    def _is_due(self, event: UpcomingEvent, now: int) -> bool:
        """Return whether an event begins within its time of a reminder, and none was sent; metadata may be anything."""
        meta = _read_meta(event.meta)
        minutes = meta.get("alert_minutes")
        lookahead = self._lookahead
        if isinstance(minutes, int | float) and not isinstance(minutes, bool):
            if minutes < 0:
                return False
            lookahead = int(min(minutes, MAX_ALERT_MINUTES) * _MINUTE)
        return event.start_at <= now + lookahead and meta.get("alerted_at") != event.start_at

    async def _claim(self, event: UpcomingEvent) -> RemindedEvent | None:
        """Store that the reminder is sent, and return the event; None where another process was faster."""
        async with self._db.transaction() as tx:
            locked = await store.lock_event(tx, event.id, event.start_at)
            if locked is None:
                return None
            meta = _read_meta(locked.meta)
            if meta.get("alerted_at") == locked.start_at:
                return None
            await store.set_meta(tx, locked.id, encode_json({**meta, "alerted_at": locked.start_at}))
            return locked

    async def _send(self, event: RemindedEvent, now: int) -> None:
        minutes = max(0, (event.start_at - now) // _MINUTE)
        data = {
            "event_id": event.id,
            "title": event.title,
            "description": event.description or "",
            "start_at": event.start_at,
            "minutes_until": minutes,
            "calendar_id": event.calendar_id,
            "location": event.location or "",
        }
        await self._bus.publish(ReminderMessage(event.user_id, data))
        starts_in = f"in {minutes} min" if minutes > 0 else "now"
        details = {
            **data,
            "user_id": event.user_id,
            "starts_in": starts_in,
            "message": f"{event.title}: starting {starts_in}",
        }
        await self._bus.publish(
            ActivityEvent("calendar.alert", None, event.id, "calendar.event", details, event.title, source="scheduler")
        )
