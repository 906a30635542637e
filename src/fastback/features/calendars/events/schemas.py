"""Requests about events, and events as responses show them. Times are in nanoseconds."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from fastback.features.calendars.schemas import Name
from fastback.records.listing import UserSummary

#: Characters of a text.
Text = Annotated[str, msgspec.Meta(max_length=65_536)]
#: Attendees of an event.
MAX_ATTENDEES = 1000


class AttendeeForm(msgspec.Struct):
    """An attendee; the status is the attendee's own to set."""

    user_id: Annotated[str, msgspec.Meta(max_length=255)]
    meta: dict[str, Any] | None = None


Attendees = Annotated[list[AttendeeForm], msgspec.Meta(max_length=MAX_ATTENDEES)]


class EventForm(msgspec.Struct):
    """A new event."""

    calendar_id: str
    title: Text
    start_at: int
    description: Text | None = None
    end_at: int | None = None
    all_day: bool = False
    rrule: Text | None = None
    color: Name | None = None
    location: Text | None = None
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    attendees: Attendees | None = None


class EventUpdateForm(msgspec.Struct):
    """The changed fields of an event; the keys of `data` and `meta` are added to those that it has."""

    calendar_id: str | UnsetType | None = UNSET
    title: Text | UnsetType | None = UNSET
    description: Text | UnsetType | None = UNSET
    start_at: int | UnsetType | None = UNSET
    end_at: int | UnsetType | None = UNSET
    all_day: bool | UnsetType | None = UNSET
    rrule: Text | UnsetType | None = UNSET
    color: Name | UnsetType | None = UNSET
    location: Text | UnsetType | None = UNSET
    data: dict[str, Any] | UnsetType | None = UNSET
    meta: dict[str, Any] | UnsetType | None = UNSET
    is_cancelled: bool | UnsetType | None = UNSET
    attendees: Attendees | UnsetType | None = UNSET


class ReplyForm(msgspec.Struct):
    """An attendee's reply: `accepted`, `declined`, `tentative` or `pending`."""

    status: str


class Attendee(msgspec.Struct):
    """A row of `calendar_event_attendee`."""

    id: str
    event_id: str
    user_id: str
    status: str
    meta: msgspec.Raw
    created_at: int
    updated_at: int


class EventResponse(msgspec.Struct):
    """An event with its attendees."""

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
    attendees: list[Attendee]
    created_at: int
    updated_at: int


class ListedEvent(EventResponse):
    """An event in a list, with its creator; `instance_id` names one occurrence of a series."""

    user: UserSummary | None
    instance_id: str | UnsetType = UNSET


class EventPage(msgspec.Struct):
    """A page of events, and the number of events on all pages."""

    items: list[ListedEvent]
    total: int


class ReplyResponse(msgspec.Struct):
    """The stored reply of an attendee."""

    status: bool
    rsvp: str
