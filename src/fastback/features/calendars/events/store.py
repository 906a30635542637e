"""Rows of `calendar_event`: one event, and its changes. Times are in nanoseconds."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from fastback.features.calendars.events.schemas import EventForm
from fastback.kit.clock import clock
from fastback.kit.db import Executor

COLUMNS = """e.id, e.calendar_id, e.user_id, e.title, e.description, e.start_at, e.end_at, e.all_day, e.rrule, e.color,
    e.location, e.data, e.meta, e.is_cancelled, e.created_at, e.updated_at"""

FIND_EVENT = f"SELECT {COLUMNS} FROM calendar_event e WHERE e.id = :id"
#: SQLite has one writer at a time.
LOCK_EVENT = {"sqlite": FIND_EVENT, "postgres": f"{FIND_EVENT} FOR UPDATE"}
#: Nothing is inserted into a calendar that was deleted meanwhile.
INSERT_EVENT = """
    INSERT INTO calendar_event (id, calendar_id, user_id, title, description, start_at, end_at, all_day, rrule, color,
        location, data, meta, is_cancelled, created_at, updated_at)
    SELECT :id, :calendar_id, :user_id, :title, :description, :start_at, :end_at, :all_day, :rrule, :color, :location,
        :data, :meta, FALSE, :now, :now
    WHERE EXISTS (SELECT 1 FROM calendar WHERE id = :calendar_id)"""
UPDATE_EVENT = """
    UPDATE calendar_event SET calendar_id = :calendar_id, title = :title, description = :description,
        start_at = :start_at, end_at = :end_at, all_day = :all_day, rrule = :rrule, color = :color,
        location = :location, data = :data, meta = :meta, is_cancelled = :is_cancelled, updated_at = :now
    WHERE id = :id"""
DELETE_EVENT = "DELETE FROM calendar_event WHERE id = :id"


class Event(msgspec.Struct):
    """A row of `calendar_event`."""

    id: str
    calendar_id: str
    user_id: str
    title: str
    description: str | None
    start_at: int
    end_at: int | None
    all_day: bool
    rrule: str | None
    color: str | None
    location: str | None
    data: msgspec.Raw
    meta: msgspec.Raw
    is_cancelled: bool
    created_at: int
    updated_at: int


async def find_event(db: Executor, event_id: str) -> Event | None:
    """Return an event, or None."""
    return await db.fetch_first(Event, "calendars.find_event", FIND_EVENT, id=event_id)


async def lock_event(tx: Executor, event_id: str) -> Event | None:
    """Return an event that other transactions do not change until this one ends, or None."""
    return await tx.fetch_first(Event, "calendars.lock_event", LOCK_EVENT[tx.dialect], id=event_id)


async def insert_event(tx: Executor, user_id: str, form: EventForm, *, data: str, meta: str) -> str | None:
    """Insert an event and return its id, or None where its calendar does not exist; `data` and `meta` are JSON."""
    event_id = str(uuid.uuid4())
    inserted = await tx.execute(
        "calendars.insert_event",
        INSERT_EVENT,
        id=event_id,
        calendar_id=form.calendar_id,
        user_id=user_id,
        title=form.title,
        description=form.description,
        start_at=form.start_at,
        end_at=form.end_at,
        all_day=form.all_day,
        rrule=form.rrule,
        color=form.color,
        location=form.location,
        data=data,
        meta=meta,
        now=clock.time_ns(),
    )
    return event_id if inserted else None


async def update_event(tx: Executor, event_id: str, fields: dict[str, Any]) -> None:
    """Replace the fields of an event that can be changed; `data` and `meta` are JSON."""
    await tx.execute("calendars.update_event", UPDATE_EVENT, id=event_id, now=clock.time_ns(), **fields)


async def delete_event(tx: Executor, event_id: str) -> bool:
    """Delete the row of an event and return whether there was one."""
    return await tx.execute("calendars.delete_event", DELETE_EVENT, id=event_id) > 0
