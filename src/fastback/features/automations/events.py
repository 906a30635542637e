"""Events about automations. Their runs are done by `fastback.completions.automations`."""

from __future__ import annotations

from typing import Any

import msgspec


class ScheduleChanged(msgspec.Struct, frozen=True):
    """An automation is due at another time; the scheduler may have to wake up earlier. `due_at` in nanoseconds."""

    due_at: int


class RunRequested(msgspec.Struct, frozen=True):
    """A user wants an automation run now."""

    automation_id: str
    user_id: str


class ResultMessage(msgspec.Struct, frozen=True):
    """The result of a run, for every page of the owner; `fastback.realtime.automation_results` sends it."""

    user_id: str
    data: dict[str, Any]
