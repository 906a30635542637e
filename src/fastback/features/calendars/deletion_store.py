"""Deletion of the events of a calendar. They may be many: they are deleted some at a time."""

from __future__ import annotations

from fastback.kit.db import Database, Executor

#: Events that one statement deletes.
BATCH_SIZE = 1000

_BATCH = f"""SELECT e.id FROM calendar_event e WHERE e.calendar_id = :id ORDER BY e.start_at, e.id LIMIT {BATCH_SIZE}"""
DELETE_ATTENDEES = f"DELETE FROM calendar_event_attendee WHERE event_id IN ({_BATCH})"
DELETE_EVENTS = f"DELETE FROM calendar_event WHERE id IN ({_BATCH})"


async def _delete_batch(tx: Executor, calendar_id: str) -> int:
    await tx.execute("calendars.delete_attendees", DELETE_ATTENDEES, id=calendar_id)
    return await tx.execute("calendars.delete_events", DELETE_EVENTS, id=calendar_id)


async def delete_events(db: Database, calendar_id: str) -> None:
    """Delete the events of a calendar with their attendees."""
    while True:
        async with db.transaction(long=True) as tx:
            if await _delete_batch(tx, calendar_id) < BATCH_SIZE:
                return
