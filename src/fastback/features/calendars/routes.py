"""Route `/api/v1/calendars`: the calendars of a user. Events of calendars are not implemented yet."""

from __future__ import annotations

import time
from typing import Any

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.key import require_key
from fastback.config.keys.features import CALENDAR_ENABLE
from fastback.features.calendars import store
from fastback.features.calendars.store import NULL_JSON, Calendar
from fastback.kit.db import Database
from fastback.kit.http import Forbidden, Router
from fastback.records.listing import RecordCatalog

router = Router("/api/v1/calendars")

#: Id of the calendar that shows scheduled automations; it has no row.
SCHEDULED_TASKS_ID = "__scheduled_tasks__"


async def _may_use(user: User, feature: str, config: Config, permissions: Permissions) -> bool:
    """Return whether a feature is enabled and the user has its permission."""
    key = CALENDAR_ENABLE if feature == "calendar" else require_key(f"{feature}.enable")
    return config.get_bool(key) and (user.is_admin or await permissions.has(user.id, f"features.{feature}"))


def _build_response(calendar: Calendar, *, is_system: bool = False) -> dict[str, Any]:
    return {
        "id": calendar.id,
        "user_id": calendar.user_id,
        "name": calendar.name,
        "color": calendar.color,
        "is_default": calendar.is_default,
        "is_system": is_system,
        "data": calendar.data,
        "meta": calendar.meta,
        "access_grants": [],
        "created_at": calendar.created_at,
        "updated_at": calendar.updated_at,
    }


@router.get("/")
async def list_calendars(
    user: VerifiedUser, catalog: RecordCatalog, db: Database, config: Config, permissions: Permissions
) -> list[dict[str, Any]]:
    """List the calendars of the current user. A user without one gets a default calendar."""
    if not await _may_use(user, "calendar", config, permissions):
        raise Forbidden(messages.UNAUTHORIZED)
    calendars = await store.list_calendars(catalog, user) or [await store.create_default_calendar(db, user.id)]
    responses = [_build_response(calendar) for calendar in calendars]
    responses = await catalog.add_details(responses, user, "calendar", owner=False)
    if await _may_use(user, "automations", config, permissions):
        now = time.time_ns()
        tasks = Calendar(
            SCHEDULED_TASKS_ID, user.id, "Scheduled Tasks", "#8b5cf6", False, NULL_JSON, NULL_JSON, now, now
        )
        responses.append(_build_response(tasks, is_system=True))
    return responses
