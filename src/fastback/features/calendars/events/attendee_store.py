"""Rows of `calendar_event_attendee`. Times are in nanoseconds."""

from __future__ import annotations

import uuid

from fastback.features.calendars.events.schemas import Attendee, AttendeeForm
from fastback.kit.clock import clock
from fastback.kit.db import Executor
from fastback.kit.storable_text import encode_json

_COLUMNS = "a.id, a.event_id, a.user_id, a.status, a.meta, a.created_at, a.updated_at"

LIST_ATTENDEES = f"""
    SELECT {_COLUMNS} FROM calendar_event_attendee a WHERE a.event_id = ANY(:ids) ORDER BY a.created_at, a.id"""
INSERT_ATTENDEE = """
    INSERT INTO calendar_event_attendee (id, event_id, user_id, status, meta, created_at, updated_at)
    VALUES (:id, :event_id, :user_id, :status, :meta, :now, :now)"""
DELETE_ATTENDEES = "DELETE FROM calendar_event_attendee WHERE event_id = :id"
SET_STATUS = """
    UPDATE calendar_event_attendee SET status = :status, updated_at = :now
    WHERE event_id = :event_id AND user_id = :user_id"""


async def list_attendees(db: Executor, event_ids: list[str]) -> dict[str, list[Attendee]]:
    """Return the attendees of events by event id; each id has a list, maybe empty."""
    attendees: dict[str, list[Attendee]] = {event_id: [] for event_id in event_ids}
    if event_ids:
        for attendee in await db.fetch_all(Attendee, "calendars.list_attendees", LIST_ATTENDEES, ids=list(attendees)):
            attendees[attendee.event_id].append(attendee)
    return attendees


async def replace_attendees(tx: Executor, event_id: str, forms: list[AttendeeForm]) -> None:
    """Replace the attendees of an event; those who stay keep their replies."""
    earlier = (await list_attendees(tx, [event_id]))[event_id]
    statuses = {attendee.user_id: attendee.status for attendee in earlier}
    await tx.execute("calendars.delete_event_attendees", DELETE_ATTENDEES, id=event_id)
    now = clock.time_ns()
    rows = {
        form.user_id: {
            "id": str(uuid.uuid4()),
            "event_id": event_id,
            "user_id": form.user_id,
            "status": statuses.get(form.user_id, "pending"),
            "meta": encode_json(form.meta),
            "now": now,
        }
        for form in forms
    }
    if rows:
        await tx.execute_many("calendars.insert_attendee", INSERT_ATTENDEE, list(rows.values()))


async def delete_attendees(tx: Executor, event_id: str) -> None:
    """Delete the attendees of an event."""
    await tx.execute("calendars.delete_event_attendees", DELETE_ATTENDEES, id=event_id)


async def set_status(db: Executor, event_id: str, user_id: str, status: str) -> bool:
    """Store an attendee's reply and return whether the user is an attendee."""
    now = clock.time_ns()
    return (
        await db.execute("calendars.set_status", SET_STATUS, event_id=event_id, user_id=user_id, status=status, now=now)
        > 0
    )
