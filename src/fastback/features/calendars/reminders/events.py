"""Events about reminders. Those for the sockets of pages are sent by `fastback.realtime.calendar_reminders`."""

from __future__ import annotations

from typing import Any

import msgspec


class ReminderMessage(msgspec.Struct, frozen=True):
    """A reminder for every page of a user."""

    user_id: str
    data: dict[str, Any]
