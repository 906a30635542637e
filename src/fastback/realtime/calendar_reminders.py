"""Reminders of events, for the pages of their users."""

from __future__ import annotations

from fastback.features.calendars.reminders.events import ReminderMessage
from fastback.kit.bus import Bus
from fastback.realtime.server import SocketServer

EVENT = "events"


class CalendarReminders:
    """Pass reminders on to every page of their users."""

    def __init__(self, server: SocketServer, bus: Bus) -> None:
        self._server = server
        bus.subscribe(ReminderMessage, self._send_reminder)

    async def _send_reminder(self, reminder: ReminderMessage) -> None:
        data = {"data": {"type": "calendar:alert", "data": reminder.data}}
        await self._server.emit(EVENT, data, room=f"user:{reminder.user_id}")
