"""Calendars as records: list, create, change, share and delete them."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from fastback.access.activity import ActivityEvent
from fastback.access.events import GrantsChanged
from fastback.access.grants import Grant, Grants
from fastback.access.identity import User
from fastback.features.calendars import deletion_store, store
from fastback.features.calendars.access import KIND
from fastback.features.calendars.json_fields import NULL_JSON, encode_field, merge_field
from fastback.features.calendars.schemas import AccessForm, CalendarForm, CalendarResponse, CalendarUpdateForm
from fastback.features.calendars.store import Calendar
from fastback.kit.bus import Bus
from fastback.kit.clock import clock
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Invalid, NotFound
from fastback.records.listing import RecordCatalog

#: Id of the calendar that shows scheduled automations; it has no row.
SCHEDULED_TASKS_ID = "__scheduled_tasks__"

_FIELDS = Calendar.__struct_fields__


def _build_response(calendar: Calendar, grants: list[Grant], *, is_system: bool = False) -> CalendarResponse:
    fields: dict[str, Any] = {name: getattr(calendar, name) for name in _FIELDS}
    return CalendarResponse(**fields, access_grants=grants, is_system=is_system)


class CalendarService:
    """List and change calendars for users."""

    def __init__(self, *, db: Database, grants: Grants, catalog: RecordCatalog, bus: Bus) -> None:
        self._db = db
        self._grants = grants
        self._catalog = catalog
        self._bus = bus

    async def describe_calendar(self, calendar: Calendar) -> CalendarResponse:
        """Return a calendar with its grants."""
        return _build_response(calendar, await self._grants.list_grants(KIND, calendar.id))

    async def list_calendars(self, user: User) -> list[Calendar]:
        """Return the calendars of a user. A user without any gets a default calendar."""
        calendars = await store.list_calendars(self._catalog, user)
        return calendars or [await store.ensure_default_calendar(self._db, user.id)]

    async def describe_calendars(self, calendars: list[Calendar]) -> list[CalendarResponse]:
        """Return several calendars with their grants."""
        grants = await self._grants.list_grants_by_resource(KIND, [calendar.id for calendar in calendars])
        return [_build_response(calendar, grants[calendar.id]) for calendar in calendars]

    def describe_scheduled_tasks(self, user: User) -> CalendarResponse:
        """Return the calendar of a user's automations."""
        now = clock.time_ns()
        name, color = "Scheduled Tasks", "#8b5cf6"
        calendar = Calendar(SCHEDULED_TASKS_ID, user.id, name, color, False, NULL_JSON, NULL_JSON, now, now)
        return _build_response(calendar, [], is_system=True)

    async def create_calendar(self, user: User, form: CalendarForm) -> CalendarResponse:
        """Create a calendar; grants that the user may not give are skipped.

        Raises:
            Invalid: its data are too long.
        """
        data, meta = encode_field("data", form.data), encode_field("meta", form.meta)
        allowed = await self._grants.filter_allowed(user.id, user.role, form.access_grants, KIND)
        async with self._db.transaction() as tx:
            calendar = await store.insert_calendar(tx, user.id, name=form.name, color=form.color, data=data, meta=meta)
            grants = await self._grants.replace_grants(tx, KIND, calendar.id, allowed)
        await self._publish(user, "calendar.created", calendar)
        return _build_response(calendar, grants)

    async def update_calendar(self, calendar_id: str, user: User, form: CalendarUpdateForm) -> CalendarResponse:
        """Change the fields of a calendar that the form has.

        Raises:
            Invalid: the name is null, or its data are too long. NotFound: it was deleted meanwhile.
        """
        if form.name is None:
            raise Invalid.at(["body", "name"], "Input should be a valid string", kind="string_type")
        async with self._db.transaction() as tx:
            calendar = await store.lock_calendar(tx, calendar_id)
            if calendar is None:
                raise NotFound("Calendar not found")
            await store.update_calendar(
                tx,
                calendar_id,
                name=calendar.name if form.name is UNSET else form.name,
                color=calendar.color if form.color is UNSET else form.color,
                data=merge_field("data", calendar.data, form.data),
                meta=merge_field("meta", calendar.meta, form.meta),
            )
        return await self._publish_change(calendar_id, user, "calendar.updated")

    async def set_default(self, calendar_id: str, user: User) -> CalendarResponse:
        """Make a calendar the default calendar of its owner.

        Raises:
            NotFound: the user has no such calendar.
        """
        async with self._db.transaction() as tx:
            calendar = await store.lock_calendar(tx, calendar_id)
            if calendar is None or calendar.user_id != user.id:
                raise NotFound("Calendar not found")
            await store.set_default(tx, calendar_id, user.id)
        return await self._publish_change(calendar_id, user, "calendar.default_updated")

    async def share_calendar(self, calendar: Calendar, user: User, form: AccessForm) -> CalendarResponse:
        """Replace the grants of a calendar.

        Raises:
            Forbidden: the user may not share with one of the audiences.
        """
        validated = await self._grants.validate_grants(user.id, user.role, form.access_grants, KIND)
        async with self._db.transaction() as tx:
            grants = await self._grants.replace_grants(tx, KIND, calendar.id, validated)
        await self._bus.publish(GrantsChanged(KIND, calendar.id))
        await self._publish(user, "calendar.updated", calendar)
        return _build_response(calendar, grants)

    async def delete_calendar(self, calendar: Calendar, user: User) -> None:
        """Delete a calendar with its events.

        Raises:
            BadRequest: it is the default calendar of its owner.
        """
        if calendar.is_default:
            raise BadRequest("Default calendar cannot be deleted")
        async with self._db.transaction() as tx:
            if not await store.delete_calendar(tx, calendar.id):
                raise BadRequest("Default calendar cannot be deleted")
            await self._grants.delete_grants(tx, KIND, calendar.id)
        # Events without a calendar are invisible: no list, no search and no reminder finds them.
        await deletion_store.delete_events(self._db, calendar.id)
        await self._publish(user, "calendar.deleted", calendar)

    async def _publish_change(self, calendar_id: str, user: User, event: str) -> CalendarResponse:
        """Publish an event about a calendar, and return the calendar.

        Raises:
            NotFound: it was deleted meanwhile.
        """
        calendar = await store.find_calendar(self._db, calendar_id)
        if calendar is None:
            raise NotFound("Calendar not found")
        await self._publish(user, event, calendar)
        return await self.describe_calendar(calendar)

    async def _publish(self, user: User, event: str, calendar: Calendar) -> None:
        await self._bus.publish(ActivityEvent(event, user, calendar.id, data={"name": calendar.name}))
