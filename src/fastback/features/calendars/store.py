"""Rows of `calendar`. Times are in nanoseconds."""

from __future__ import annotations

import uuid

import msgspec

from fastback.access.identity import User
from fastback.features.calendars.json_fields import NULL_JSON
from fastback.kit.clock import clock
from fastback.kit.db import Database, Executor
from fastback.records.listing import RecordCatalog

_COLUMNS = "t.id, t.user_id, t.name, t.color, t.is_default, t.data, t.meta, t.created_at, t.updated_at"

FIND_CALENDAR = f"SELECT {_COLUMNS} FROM calendar t WHERE t.id = :id"
#: SQLite has one writer at a time.
LOCK_CALENDAR = {"sqlite": FIND_CALENDAR, "postgres": f"{FIND_CALENDAR} FOR UPDATE"}
FIND_OLDEST_CALENDAR = f"""
    SELECT {_COLUMNS} FROM calendar t WHERE t.user_id = :user_id ORDER BY t.created_at, t.id LIMIT 1"""
#: PostgreSQL lets two transactions insert a default calendar for one user at once.
LOCK_OWNER_POSTGRES = "SELECT pg_advisory_xact_lock(731947209, hashtext(:user_id))"
INSERT_CALENDAR = """
    INSERT INTO calendar (id, user_id, name, color, is_default, data, meta, created_at, updated_at)
    VALUES (:id, :user_id, :name, :color, :is_default, :data, :meta, :created_at, :created_at)"""
UPDATE_CALENDAR = """
    UPDATE calendar SET name = :name, color = :color, data = :data, meta = :meta, updated_at = :now WHERE id = :id"""
CLEAR_DEFAULT = "UPDATE calendar SET is_default = FALSE WHERE user_id = :user_id AND is_default = TRUE"
SET_DEFAULT = "UPDATE calendar SET is_default = TRUE, updated_at = :now WHERE id = :id"
#: A default calendar stays.
DELETE_CALENDAR = "DELETE FROM calendar WHERE id = :id AND is_default = FALSE"


class Calendar(msgspec.Struct):
    """A row of `calendar`."""

    id: str
    user_id: str
    name: str
    color: str | None
    is_default: bool
    data: msgspec.Raw
    meta: msgspec.Raw
    created_at: int
    updated_at: int


async def find_calendar(db: Executor, calendar_id: str) -> Calendar | None:
    """Return a calendar, or None."""
    return await db.fetch_first(Calendar, "calendars.find", FIND_CALENDAR, id=calendar_id)


async def lock_calendar(tx: Executor, calendar_id: str) -> Calendar | None:
    """Return a calendar that other transactions do not change until this one ends, or None."""
    return await tx.fetch_first(Calendar, "calendars.lock", LOCK_CALENDAR[tx.dialect], id=calendar_id)


async def list_calendars(catalog: RecordCatalog, user: User) -> list[Calendar]:
    """Return the calendars that a user owns or has a grant for, oldest first."""
    calendars, _ = await catalog.list_rows(
        Calendar,
        user,
        resource="calendar",
        columns=_COLUMNS,
        table="calendar",
        order="t.created_at, t.id",
        all_to_admins=False,
    )
    return calendars


async def ensure_default_calendar(db: Database, user_id: str) -> Calendar:
    """Return the oldest calendar of a user; a user without calendars gets a default calendar."""
    async with db.transaction() as tx:
        if tx.dialect == "postgres":
            await tx.fetch_value("calendars.lock_owner", LOCK_OWNER_POSTGRES, user_id=user_id)
        existing = await tx.fetch_first(Calendar, "calendars.find_oldest", FIND_OLDEST_CALENDAR, user_id=user_id)
        if existing is not None:
            return existing
        return await insert_calendar(tx, user_id, name="Personal", color="#3b82f6", is_default=True)


async def insert_calendar(
    tx: Executor,
    user_id: str,
    *,
    name: str,
    color: str | None,
    is_default: bool = False,
    data: str = "null",
    meta: str = "null",
) -> Calendar:
    """Insert and return a calendar; `data` and `meta` are JSON."""
    calendar = Calendar(
        id=str(uuid.uuid4()),
        user_id=user_id,
        name=name,
        color=color,
        is_default=is_default,
        data=msgspec.Raw(data.encode()) if data != "null" else NULL_JSON,
        meta=msgspec.Raw(meta.encode()) if meta != "null" else NULL_JSON,
        created_at=(now := clock.time_ns()),
        updated_at=now,
    )
    await tx.execute(
        "calendars.insert",
        INSERT_CALENDAR,
        id=calendar.id,
        user_id=user_id,
        name=name,
        color=color,
        is_default=is_default,
        data=data,
        meta=meta,
        created_at=now,
    )
    return calendar


async def update_calendar(
    tx: Executor, calendar_id: str, *, name: str, color: str | None, data: str, meta: str
) -> None:
    """Change the fields of a calendar; `data` and `meta` are JSON."""
    await tx.execute(
        "calendars.update",
        UPDATE_CALENDAR,
        id=calendar_id,
        name=name,
        color=color,
        data=data,
        meta=meta,
        now=clock.time_ns(),
    )


async def set_default(tx: Executor, calendar_id: str, user_id: str) -> None:
    """Make a calendar the only default calendar of its owner."""
    await tx.execute("calendars.clear_default", CLEAR_DEFAULT, user_id=user_id)
    await tx.execute("calendars.set_default", SET_DEFAULT, id=calendar_id, now=clock.time_ns())


async def delete_calendar(tx: Executor, calendar_id: str) -> bool:
    """Delete the row of a calendar and return whether there was one that is no default calendar."""
    return await tx.execute("calendars.delete", DELETE_CALENDAR, id=calendar_id) > 0
