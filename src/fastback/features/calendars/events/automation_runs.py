"""Runs of automations as events of the calendar of scheduled tasks."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from fastback.features.automations.calendar_entries import PlannedRuns
from fastback.features.automations.run_store import NamedRun
from fastback.features.calendars.events.schemas import ListedEvent
from fastback.features.calendars.json_fields import NULL_JSON
from fastback.features.calendars.service import SCHEDULED_TASKS_ID


def build_planned_runs(planned: PlannedRuns) -> Iterator[ListedEvent]:
    """Yield an event for each planned run of an automation."""
    automation, task = planned.automation, planned.automation.task
    event_id = f"auto_{automation.id}"
    meta = msgspec.Raw(msgspec.json.encode({"automation_id": automation.id}))
    for start in planned.starts:
        yield ListedEvent(
            id=event_id,
            calendar_id=SCHEDULED_TASKS_ID,
            user_id=automation.user_id,
            title=automation.name,
            description=task.prompt,
            start_at=start,
            end_at=None,
            all_day=False,
            rrule=task.rrule,
            color=None,
            location=None,
            data=NULL_JSON,
            meta=meta,
            is_cancelled=False,
            attendees=[],
            created_at=automation.created_at,
            updated_at=automation.updated_at,
            user=None,
            instance_id=f"{event_id}_{start}",
        )


def build_past_run(run: NamedRun, user_id: str) -> ListedEvent:
    """Return the event for a run that there was."""
    meta = {"automation_id": run.automation_id, "run_id": run.id, "chat_id": run.chat_id, "status": run.status}
    return ListedEvent(
        id=f"run_{run.id}",
        calendar_id=SCHEDULED_TASKS_ID,
        user_id=user_id,
        title=run.name,
        description=(run.error if run.status == "error" else "") or "",
        start_at=run.created_at,
        end_at=None,
        all_day=False,
        rrule=None,
        color=None,
        location=None,
        data=NULL_JSON,
        meta=msgspec.Raw(msgspec.json.encode(meta)),
        is_cancelled=False,
        attendees=[],
        created_at=run.created_at,
        updated_at=run.created_at,
        user=None,
    )
