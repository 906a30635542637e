"""What the calendar of scheduled tasks shows: the next runs of automations, and the runs that there were."""

from __future__ import annotations

import msgspec

from fastback.features.automations import run_store, store
from fastback.features.automations.run_store import NamedRun
from fastback.features.automations.schedules import RangeEntry, Schedules
from fastback.features.automations.schemas import Automation
from fastback.features.users import store as user_store
from fastback.kit.clock import clock
from fastback.kit.db import Database

#: Automations whose next runs are listed, and earlier runs in one range.
MAX_AUTOMATIONS, MAX_RUNS = 500, 500


class PlannedRuns(msgspec.Struct):
    """An automation, and when it runs in a range (ns)."""

    automation: Automation
    starts: list[int]


class CalendarEntries:
    """List runs of automations between two times (ns)."""

    def __init__(self, db: Database, schedules: Schedules) -> None:
        self._db = db
        self._schedules = schedules

    async def list_planned(self, user_id: str, start: int, end: int) -> list[PlannedRuns]:
        """Return the active automations of a user with their runs from now on."""
        start = max(start, clock.time_ns())
        automations = await store.list_active(self._db, user_id, MAX_AUTOMATIONS) if start < end else []
        if not automations:
            return []
        zone = await user_store.find_timezone(self._db, user_id)
        entries = [RangeEntry(automation.task.rrule, automation.next_run_at or 0, zone) for automation in automations]
        starts = await self._schedules.expand(entries, start, end)
        return [PlannedRuns(automation, runs) for automation, runs in zip(automations, starts, strict=True)]

    async def list_runs(self, user_id: str, start: int, end: int) -> list[NamedRun]:
        """Return the runs that there were, last first."""
        return await run_store.list_runs_of_user(self._db, user_id, start=start, end=end, limit=MAX_RUNS)
