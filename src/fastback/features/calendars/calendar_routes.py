"""`/api/v1/calendars`: list, create, read, change, share and delete calendars; the default calendar."""

from __future__ import annotations

from fastback.access.guards import VerifiedUser
from fastback.features.calendars.access import CalendarAccess
from fastback.features.calendars.schemas import (
    AccessForm,
    CalendarForm,
    CalendarResponse,
    CalendarUpdateForm,
    StatusResponse,
)
from fastback.features.calendars.service import SCHEDULED_TASKS_ID, CalendarService
from fastback.kit.http import BadRequest, Router

router = Router("/api/v1/calendars")


@router.get("/")
async def list_calendars(
    user: VerifiedUser, access: CalendarAccess, calendars: CalendarService
) -> list[CalendarResponse]:
    """List the calendars of the current user. A user without one gets a default calendar."""
    await access.require_feature(user)
    responses = await calendars.describe_calendars(await calendars.list_calendars(user))
    if await access.may_use_automations(user):
        responses.append(calendars.describe_scheduled_tasks(user))
    return responses


@router.post("/create")
async def create_calendar(
    data: CalendarForm, user: VerifiedUser, access: CalendarAccess, calendars: CalendarService
) -> CalendarResponse:
    """Create a calendar."""
    await access.require_feature(user)
    return await calendars.create_calendar(user, data)


@router.get("/{calendar_id}")
async def get_calendar(
    calendar_id: str, user: VerifiedUser, access: CalendarAccess, calendars: CalendarService
) -> CalendarResponse:
    """Return a calendar that the current user may read."""
    await access.require_feature(user)
    return await calendars.describe_calendar(await access.get_calendar(calendar_id, user, "read"))


@router.post("/{calendar_id}/update")
async def update_calendar(
    calendar_id: str, data: CalendarUpdateForm, user: VerifiedUser, access: CalendarAccess, calendars: CalendarService
) -> CalendarResponse:
    """Change the fields of a calendar that the request has."""
    await access.require_feature(user)
    await access.get_calendar(calendar_id, user, "write")
    return await calendars.update_calendar(calendar_id, user, data)


@router.post("/{calendar_id}/access/update")
async def share_calendar(
    calendar_id: str, data: AccessForm, user: VerifiedUser, access: CalendarAccess, calendars: CalendarService
) -> CalendarResponse:
    """Replace the grants of a calendar."""
    await access.require_feature(user)
    calendar = await access.get_owned_calendar(calendar_id, user, refusal="Only owner can manage sharing")
    return await calendars.share_calendar(calendar, user, data)


@router.post("/{calendar_id}/default")
async def set_default_calendar(
    calendar_id: str, user: VerifiedUser, access: CalendarAccess, calendars: CalendarService
) -> CalendarResponse:
    """Make a calendar of the current user the default one."""
    await access.require_feature(user)
    return await calendars.set_default(calendar_id, user)


@router.delete("/{calendar_id}/delete")
async def delete_calendar(
    calendar_id: str, user: VerifiedUser, access: CalendarAccess, calendars: CalendarService
) -> StatusResponse:
    """Delete a calendar with its events."""
    await access.require_feature(user)
    if calendar_id == SCHEDULED_TASKS_ID:
        raise BadRequest("System calendars cannot be deleted")
    calendar = await access.get_owned_calendar(calendar_id, user, refusal="Only owner can delete calendar")
    await calendars.delete_calendar(calendar, user)
    return StatusResponse(True)
