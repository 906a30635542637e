"""SQL of calendars: rows of `calendar`."""

from __future__ import annotations

import time
import uuid

import msgspec

from fastback.access.identity import User
from fastback.kit.db import Database
from fastback.records.listing import RecordCatalog

_COLUMNS = "t.id, t.user_id, t.name, t.color, t.is_default, t.data, t.meta, t.created_at, t.updated_at"

INSERT_DEFAULT_CALENDAR = """
    INSERT INTO calendar (id, user_id, name, color, is_default, created_at, updated_at)
    SELECT :id, :user_id, :name, :color, TRUE, :now, :now
    WHERE NOT EXISTS (SELECT 1 FROM calendar WHERE user_id = :user_id)"""

NULL_JSON = msgspec.Raw(b"null")


class Calendar(msgspec.Struct):
    """A row of `calendar`. Times are in nanoseconds."""

    id: str
    user_id: str
    name: str
    color: str | None
    is_default: bool
    data: msgspec.Raw
    meta: msgspec.Raw
    created_at: int
    updated_at: int


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


async def create_default_calendar(db: Database, user_id: str) -> Calendar:
    """Insert and return the default calendar of a user, unless a concurrent request has inserted one."""
    now = time.time_ns()
    calendar = Calendar(str(uuid.uuid4()), user_id, "Personal", "#3b82f6", True, NULL_JSON, NULL_JSON, now, now)
    await db.execute(
        "calendars.insert_default",
        INSERT_DEFAULT_CALENDAR,
        id=calendar.id,
        user_id=user_id,
        name=calendar.name,
        color=calendar.color,
        now=now,
    )
    return calendar
