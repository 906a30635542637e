"""Events that begin soon, and which of them their creators were reminded of. Times are in nanoseconds.

`meta.alerted_at` of an event is the start that a reminder was sent for. Open WebUI stores it, too: neither sends it
again.
"""

from __future__ import annotations

import msgspec

from fastback.kit.db import Database, Executor

#: Events in one check.
MAX_EVENTS = 10_000

#: Events that begin late have a reminder only where they say so themselves.
_UPCOMING = f"""
    SELECT e.id, e.user_id, e.calendar_id, e.start_at, e.meta FROM calendar_event e
    WHERE e.start_at >= :earliest AND e.start_at <= :latest AND e.is_cancelled = FALSE
        AND (e.start_at <= :soon OR CAST(e.meta AS TEXT) LIKE '%alert_minutes%')
    ORDER BY e.start_at LIMIT {MAX_EVENTS}"""
#: The events of deleted calendars are deleted some at a time.
LIST_UPCOMING = f"""
    SELECT e.id, e.user_id, e.calendar_id, e.start_at, e.meta, c.user_id, u.role
    FROM ({_UPCOMING}) e JOIN calendar c ON c.id = e.calendar_id JOIN "user" u ON u.id = e.user_id
    ORDER BY e.start_at"""
FIND_REMINDED = """
    SELECT e.id, e.calendar_id, e.user_id, e.title, e.description, e.location, e.start_at, e.meta
    FROM calendar_event e WHERE e.id = :id AND e.start_at = :start_at AND e.is_cancelled = FALSE"""
#: SQLite has one writer at a time.
LOCK_REMINDED = {"sqlite": FIND_REMINDED, "postgres": f"{FIND_REMINDED} FOR UPDATE"}
SET_META = "UPDATE calendar_event SET meta = :meta WHERE id = :id"


class UpcomingEvent(msgspec.Struct):
    """An event that begins soon, with the owner of its calendar and the role of its creator (`user_id`)."""

    id: str
    user_id: str
    calendar_id: str
    start_at: int
    meta: msgspec.Raw
    owner_id: str
    role: str


class RemindedEvent(msgspec.Struct):
    """What a reminder says of an event."""

    id: str
    calendar_id: str
    user_id: str
    title: str
    description: str | None
    location: str | None
    start_at: int
    meta: msgspec.Raw


async def list_upcoming(db: Database, *, earliest: int, soon: int, latest: int) -> list[UpcomingEvent]:
    """Return the events that begin until `soon`, and those with reminders of their own that begin until `latest`."""
    return await db.fetch_all_in_thread(
        UpcomingEvent, "calendars.list_upcoming", LIST_UPCOMING, earliest=earliest, soon=soon, latest=latest
    )


async def lock_event(tx: Executor, event_id: str, start_at: int) -> RemindedEvent | None:
    """Return an event that still begins then, and that others do not change until the transaction ends, or None."""
    return await tx.fetch_first(
        RemindedEvent, "calendars.lock_reminded", LOCK_REMINDED[tx.dialect], id=event_id, start_at=start_at
    )


async def set_meta(tx: Executor, event_id: str, meta: str) -> None:
    """Replace the metadata of an event, as JSON."""
    await tx.execute("calendars.set_meta", SET_META, id=event_id, meta=meta)
