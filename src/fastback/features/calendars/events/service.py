"""Events as records: create, change, move and delete them; replies of attendees."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from fastback.access.activity import ActivityEvent
from fastback.access.identity import User
from fastback.features.calendars.access import CalendarAccess
from fastback.features.calendars.events import attendee_store, store
from fastback.features.calendars.events.recurrence import Recurrence
from fastback.features.calendars.events.schemas import EventForm, EventResponse, EventUpdateForm
from fastback.features.calendars.events.store import Event
from fastback.features.calendars.json_fields import encode_field, merge_field
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Invalid, NotFound

_FIELDS = Event.__struct_fields__
_STATUSES = ("accepted", "declined", "tentative", "pending")
#: Fields that replace the stored ones, and of these the fields that every event has, with what null lacks.
_REPLACED = ("description", "end_at", "rrule", "color", "location")
_REQUIRED = {
    "calendar_id": ("string_type", "Input should be a valid string"),
    "title": ("string_type", "Input should be a valid string"),
    "start_at": ("int_type", "Input should be a valid integer"),
    "all_day": ("bool_type", "Input should be a valid boolean"),
    "is_cancelled": ("bool_type", "Input should be a valid boolean"),
}


def _merge_form(event: Event, form: EventUpdateForm) -> dict[str, Any]:
    """Return the fields of an event after a change.

    Raises:
        Invalid: its data are too long.
    """
    changes = {name: getattr(form, name) for name in (*_REQUIRED, *_REPLACED)}
    fields = {name: getattr(event, name) if value is UNSET else value for name, value in changes.items()}
    fields["data"] = merge_field("data", event.data, form.data)
    fields["meta"] = merge_field("meta", event.meta, form.meta)
    return fields


class EventService:
    """Change events for users."""

    def __init__(self, *, db: Database, access: CalendarAccess, recurrence: Recurrence, bus: Bus) -> None:
        self._db = db
        self._access = access
        self._recurrence = recurrence
        self._bus = bus

    async def get_event(self, event_id: str, user: User, permission: str) -> Event:
        """Return an event of a calendar that a user may `read` or `write` (`permission`).

        Raises:
            NotFound: there is no such event. Forbidden: the user may not.
        """
        event = await store.find_event(self._db, event_id)
        if event is None:
            raise NotFound("Event not found")
        await self._access.get_calendar(event.calendar_id, user, permission)
        return event

    async def describe_event(self, event: Event) -> EventResponse:
        """Return an event with its attendees."""
        fields: dict[str, Any] = {name: getattr(event, name) for name in _FIELDS}
        attendees = await attendee_store.list_attendees(self._db, [event.id])
        return EventResponse(**fields, attendees=attendees[event.id])

    async def create_event(self, user: User, form: EventForm) -> EventResponse:
        """Create an event in a calendar that the user may write.

        Raises:
            NotFound, Forbidden: see `CalendarAccess.get_calendar`. HttpError: its rule is invalid (422).
            Invalid: its data are too long.
        """
        await self._access.get_calendar(form.calendar_id, user, "write")
        data, meta = encode_field("data", form.data), encode_field("meta", form.meta)
        for attendee in form.attendees or ():
            encode_field("attendees", attendee.meta)
        if form.rrule:
            await self._recurrence.check_rule(form.rrule)
        async with self._db.transaction() as tx:
            event_id = await store.insert_event(tx, user.id, form, data=data, meta=meta)
            if event_id is None:
                raise NotFound("Calendar not found")
            if form.attendees:
                await attendee_store.replace_attendees(tx, event_id, form.attendees)
        return await self._publish_change(event_id, user, "calendar.event.created")

    async def update_event(self, event_id: str, user: User, form: EventUpdateForm) -> EventResponse:
        """Change the fields of an event that the form has; another calendar must be writable, too.

        Raises:
            NotFound, Forbidden: see `get_event`. HttpError: its rule is invalid (422).
            Invalid: a field that every event has is null, or its data are too long.
        """
        event = await self.get_event(event_id, user, "write")
        for name, (kind, message) in _REQUIRED.items():
            if getattr(form, name) is None:
                raise Invalid.at(["body", name], message, kind=kind)
        if isinstance(form.calendar_id, str) and form.calendar_id != event.calendar_id:
            await self._access.get_calendar(form.calendar_id, user, "write")
        for attendee in form.attendees or ():
            encode_field("attendees", attendee.meta)
        if form.rrule:
            await self._recurrence.check_rule(form.rrule)
        async with self._db.transaction() as tx:
            locked = await store.lock_event(tx, event_id)
            if locked is None:
                raise NotFound("Event not found")
            await store.update_event(tx, event_id, _merge_form(locked, form))
            if isinstance(form.attendees, list):
                await attendee_store.replace_attendees(tx, event_id, form.attendees)
        return await self._publish_change(event_id, user, "calendar.event.updated")

    async def delete_event(self, event_id: str, user: User) -> Event:
        """Delete an event with its attendees, and return it.

        Raises:
            NotFound, Forbidden: see `get_event`.
        """
        event = await self.get_event(event_id, user, "write")
        async with self._db.transaction() as tx:
            if not await store.delete_event(tx, event_id):
                raise NotFound("Event not found")
            await attendee_store.delete_attendees(tx, event_id)
        await self._publish(user, "calendar.event.deleted", event)
        return event

    async def reply(self, event_id: str, user: User, status: str) -> None:
        """Store the reply of an attendee.

        Raises:
            BadRequest: there is no such status. NotFound: the user does not attend the event.
        """
        if status not in _STATUSES:
            raise BadRequest("Invalid status")
        if not await attendee_store.set_status(self._db, event_id, user.id, status):
            raise NotFound("Not an attendee of this event")
        await self._bus.publish(ActivityEvent("calendar.event.rsvp_updated", user, event_id, data={"status": status}))

    async def _publish_change(self, event_id: str, user: User, name: str) -> EventResponse:
        """Publish what happened to an event, and return the event.

        Raises:
            NotFound: it was deleted meanwhile.
        """
        event = await store.find_event(self._db, event_id)
        if event is None:
            raise NotFound("Event not found")
        await self._publish(user, name, event)
        return await self.describe_event(event)

    async def _publish(self, user: User, name: str, event: Event) -> None:
        data = {"calendar_id": event.calendar_id, "title": event.title}
        await self._bus.publish(ActivityEvent(name, user, event.id, data=data))
