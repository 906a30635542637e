"""`/api/v1/calendars`: the calendars one may look into. Their events come with calendars as a whole."""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.key import require_key
from fastback.config.keys.features import CALENDAR_ENABLE
from fastback.kit.db import Database
from fastback.kit.http import Forbidden, Router
from fastback.records.listing import RecordCatalog

router = Router("/api/v1/calendars")

#: The calendar that stands for what runs by itself; it has no row.
SCHEDULED = "__scheduled_tasks__"


class _Calendar(msgspec.Struct):
    id: str
    user_id: str
    name: str
    color: str | None
    is_default: bool
    data: msgspec.Raw
    meta: msgspec.Raw
    created_at: int
    updated_at: int


_COLUMNS = "t.id, t.user_id, t.name, t.color, t.is_default, t.data, t.meta, t.created_at, t.updated_at"
_NULL = msgspec.Raw(b"null")


async def _allowed(user: User, feature: str, config: Config, permissions: Permissions) -> bool:
    setting = CALENDAR_ENABLE if feature == "calendar" else require_key(f"{feature}.enable")
    return config.flag(setting) and (user.is_admin or await permissions.has(user.id, f"features.{feature}"))


def _shown(row: _Calendar, *, system: bool = False) -> dict[str, Any]:
    return {
        "id": row.id,
        "user_id": row.user_id,
        "name": row.name,
        "color": row.color,
        "is_default": row.is_default,
        "is_system": system,
        "data": row.data,
        "meta": row.meta,
        "access_grants": [],
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


async def _first(db: Database, user_id: str) -> _Calendar:
    """The calendar that everybody has who has none: made when it is first looked for."""
    now = time.time_ns()
    made = _Calendar(str(uuid.uuid4()), user_id, "Personal", "#3b82f6", True, _NULL, _NULL, now, now)
    text = """INSERT INTO calendar (id, user_id, name, color, is_default, created_at, updated_at)
        SELECT :id, :user_id, :name, :color, TRUE, :now, :now
        WHERE NOT EXISTS (SELECT 1 FROM calendar WHERE user_id = :user_id)"""
    await db.execute("calendars.first", text, id=made.id, user_id=user_id, name=made.name, color=made.color, now=now)
    return made


@router.get("/")
async def mine(
    user: VerifiedUser, catalog: RecordCatalog, db: Database, config: Config, permissions: Permissions
) -> list[dict[str, Any]]:
    if not await _allowed(user, "calendar", config, permissions):
        raise Forbidden(messages.UNAUTHORIZED)
    rows, _ = await catalog.list_rows(
        _Calendar,
        user,
        resource="calendar",
        columns=_COLUMNS,
        table="calendar",
        order="t.created_at, t.id",
        all_to_admins=False,
    )
    if not rows:
        rows = [await _first(db, user.id)]
    found = await catalog.add_details([_shown(row) for row in rows], user, "calendar", owner=False)
    if await _allowed(user, "automations", config, permissions):
        now = time.time_ns()
        tasks = _Calendar(SCHEDULED, user.id, "Scheduled Tasks", "#8b5cf6", False, _NULL, _NULL, now, now)
        found.append(_shown(tasks, system=True))
    return found
