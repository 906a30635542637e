"""`/api/v1/calendars/events`: list, search, create, read, change and delete events; replies of attendees."""

from __future__ import annotations

from fastback.access.guards import VerifiedUser
from fastback.features.calendars.access import CalendarAccess
from fastback.features.calendars.events.listing import EventListing, parse_time
from fastback.features.calendars.events.schemas import (
    EventForm,
    EventPage,
    EventResponse,
    EventUpdateForm,
    ListedEvent,
    ReplyForm,
    ReplyResponse,
)
from fastback.features.calendars.events.service import EventService
from fastback.features.calendars.schemas import StatusResponse
from fastback.kit.http import Router

router = Router("/api/v1/calendars/events")


@router.get("")
async def list_events(
    user: VerifiedUser,
    access: CalendarAccess,
    listing: EventListing,
    start: str,
    end: str,
    calendar_ids: str | None = None,
) -> list[ListedEvent]:
    """List the events between two times, a series as its occurrences, and the runs of automations."""
    await access.require_feature(user)
    chosen_ids = calendar_ids.split(",") if calendar_ids else None
    return await listing.list_range_with_automations(user, parse_time(start), parse_time(end), chosen_ids)


@router.post("/create")
async def create_event(
    data: EventForm, user: VerifiedUser, access: CalendarAccess, events: EventService
) -> EventResponse:
    """Create an event."""
    await access.require_feature(user)
    return await events.create_event(user, data)


@router.get("/search")
async def search_events(
    user: VerifiedUser,
    access: CalendarAccess,
    listing: EventListing,
    query: str | None = None,
    skip: int = 0,
    limit: int = 30,
) -> EventPage:
    """List a page of the events whose title, description or place match a query."""
    await access.require_feature(user)
    return await listing.search_events(user, query, skip=skip, limit=limit)


@router.get("/{event_id}")
async def get_event(event_id: str, user: VerifiedUser, access: CalendarAccess, events: EventService) -> EventResponse:
    """Return an event."""
    await access.require_feature(user)
    return await events.describe_event(await events.get_event(event_id, user, "read"))


@router.post("/{event_id}/update")
async def update_event(
    event_id: str, data: EventUpdateForm, user: VerifiedUser, access: CalendarAccess, events: EventService
) -> EventResponse:
    """Change the fields of an event that the request has."""
    await access.require_feature(user)
    return await events.update_event(event_id, user, data)


@router.delete("/{event_id}/delete")
async def delete_event(
    event_id: str, user: VerifiedUser, access: CalendarAccess, events: EventService
) -> StatusResponse:
    """Delete an event."""
    await access.require_feature(user)
    await events.delete_event(event_id, user)
    return StatusResponse(True)


@router.post("/{event_id}/rsvp")
async def reply_to_event(
    event_id: str, data: ReplyForm, user: VerifiedUser, access: CalendarAccess, events: EventService
) -> ReplyResponse:
    """Store the current user's reply to an event that they attend."""
    await access.require_feature(user)
    await events.reply(event_id, user, data.status)
    return ReplyResponse(True, data.status)
