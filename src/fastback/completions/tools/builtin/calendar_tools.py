"""Calendars: search events, and create, change and delete them."""

from __future__ import annotations

import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from fastback.completions.tools.builtin.builtin_tool import (
    Arguments,
    BuiltinGroup,
    BuiltinTool,
    flag,
    integer,
    text,
)
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.offered_tool import ToolCallContext, ToolError
from fastback.completions.turn import Turn
from fastback.config import Config
from fastback.config.keys.features import CALENDAR_ENABLE
from fastback.features.calendars.events.listing import EventListing
from fastback.features.calendars.events.schemas import EventForm, EventResponse, EventUpdateForm
from fastback.features.calendars.events.service import EventService
from fastback.features.calendars.service import CalendarService
from fastback.features.users import store
from fastback.kit.db import Database
from fastback.kit.http.errors import Forbidden

Json = dict[str, Any]

_HOUR = 3_600 * 10**9
_DEFAULT_REMINDER = 10
#: Events in one result, and days that a search without an end looks ahead.
_MAX_COUNT, _RANGE_DAYS = 100, 366
_EPOCH = datetime.datetime.fromtimestamp(0, datetime.UTC)
_UTC = ZoneInfo("UTC")


class CalendarTools(BuiltinGroup):
    """`search_calendar_events`, `create_calendar_event`, `update_calendar_event` and `delete_calendar_event`."""

    category = "calendar"
    has_fixed_tools = True

    def __init__(
        self,
        *,
        config: Config,
        db: Database,
        calendars: CalendarService,
        events: EventService,
        listing: EventListing,
    ) -> None:
        self._config = config
        self._db = db
        self._calendars = calendars
        self._events = events
        self._listing = listing

    async def is_available(self, turn: Turn, conditions: OfferConditions) -> bool:
        return self._config.get_bool(CALENDAR_ENABLE) and await conditions.has_permission("features.calendar")

    async def list_tools(self, turn: Turn, conditions: OfferConditions) -> list[BuiltinTool]:
        return [
            BuiltinTool(
                "search_calendar_events",
                "Search the user's calendar for events, reminders and scheduled items, by text, by time, or both.",
                [
                    text("query", "Text in the title, the description or the location", None),
                    text("start", 'Only events from this local time on, such as "2026-04-20 00:00"', None),
                    text("end", 'Only events before this local time, such as "2026-04-27 00:00"', None),
                    integer("count", "Number of events", 10),
                ],
                self._search,
            ),
            BuiltinTool(
                "create_calendar_event",
                "Create an event, a reminder or an alarm in the user's calendar: for appointments, and for wishes such "
                'as "remind me", "don\'t let me forget" or "notify me at". A simple reminder has no end, location or '
                "all_day, and reminder_minutes=0.",
                [
                    text("title", "Title of the event or reminder"),
                    text("start", 'Start in the user\'s local time, such as "2026-04-20 09:00"'),
                    text("end", "End in the user's local time; none for reminders", None),
                    text("description", "Description or notes", None),
                    text("calendar_id", "Id of the calendar; the default calendar without one", None),
                    flag("all_day", "Whether it takes the whole day", False),
                    text("location", "Where it takes place", None),
                    integer(
                        "reminder_minutes",
                        "Minutes before the event at which the user is notified, 10 without one; 0 for its start, -1 "
                        "for no notification",
                        None,
                    ),
                ],
                self._create,
            ),
            BuiltinTool(
                "update_calendar_event",
                "Change an event of a calendar. Fields that are left out stay.",
                [
                    text("event_id", "Id of the event"),
                    text("title", "New title", None),
                    text("description", "New description", None),
                    text("start", 'New start in the user\'s local time, such as "2026-04-20 09:00"', None),
                    text("end", "New end in the user's local time", None),
                    flag("all_day", "Whether it takes the whole day", None),
                    text("location", "New location", None),
                    flag("is_cancelled", "true cancels the event", None),
                    integer(
                        "reminder_minutes",
                        "Minutes before the event at which the user is notified; 0 for its start, -1 for no "
                        "notification, 120 for two hours before",
                        None,
                    ),
                ],
                self._update,
            ),
            BuiltinTool(
                "delete_calendar_event",
                "Delete an event of a calendar for good.",
                [text("event_id", "Id of the event")],
                self._delete,
            ),
        ]

    async def _search(self, arguments: Arguments, context: ToolCallContext) -> Json:
        user, zone = context.turn.user, await self._find_zone(context)
        query, count = arguments.optional_text("query"), min(max(arguments.integer("count"), 1), _MAX_COUNT)
        start, end = arguments.optional_text("start"), arguments.optional_text("end")
        if start is None and end is None:
            page = await self._listing.search_events(user, query, skip=0, limit=count)
            return {"events": [_describe_event(event, zone) for event in page.items], "total": page.total}
        span = _RANGE_DAYS * 24 * _HOUR
        until = _parse_time("end", end, zone) if end else _parse_time("start", start or "", zone) + span
        since = _parse_time("start", start, zone) if start else until - span
        events: list[Any] = list(await self._listing.list_range(user, since, until))
        if query:
            events = [event for event in events if _matches(event, query.lower())]
        events.sort(key=lambda event: int(event.start_at))
        return {"events": [_describe_event(event, zone) for event in events[:count]], "total": len(events)}

    async def _create(self, arguments: Arguments, context: ToolCallContext) -> Json:
        user, zone = context.turn.user, await self._find_zone(context)
        start = _parse_time("start", arguments.text("start"), zone)
        end, all_day = arguments.optional_text("end"), arguments.flag("all_day")
        end_at = _parse_time("end", end, zone) if end else None if all_day else start + _HOUR
        minutes = arguments.optional_integer("reminder_minutes")
        form = EventForm(
            calendar_id=arguments.optional_text("calendar_id") or await self._find_default_calendar(context),
            title=arguments.text("title"),
            start_at=start,
            description=arguments.optional_text("description"),
            end_at=end_at,
            all_day=all_day,
            location=arguments.optional_text("location"),
            meta={"alert_minutes": _DEFAULT_REMINDER if minutes is None else minutes},
        )
        try:
            event = await self._events.create_event(user, form)
        except Forbidden:
            return {"error": "Access denied to this calendar"}
        return {"status": "success", **_describe_event(event, zone)}

    async def _update(self, arguments: Arguments, context: ToolCallContext) -> Json:
        zone = await self._find_zone(context)
        changes: Json = {
            name: arguments.text(name) for name in ("title", "description", "location") if not arguments.is_absent(name)
        }
        changes |= {name: arguments.flag(name) for name in ("all_day", "is_cancelled") if not arguments.is_absent(name)}
        for name in ("start", "end"):
            if not arguments.is_absent(name):
                changes[f"{name}_at"] = _parse_time(name, arguments.text(name), zone)
        minutes = arguments.optional_integer("reminder_minutes")
        if minutes is not None:
            changes["meta"] = {"alert_minutes": minutes}
        event_id = arguments.text("event_id")
        event = await self._events.update_event(event_id, context.turn.user, EventUpdateForm(**changes))
        return {"status": "success", **_describe_event(event, zone)}

    async def _delete(self, arguments: Arguments, context: ToolCallContext) -> Json:
        event = await self._events.delete_event(arguments.text("event_id"), context.turn.user)
        return {"status": "success", "message": f'Event "{event.title}" deleted'}

    async def _find_default_calendar(self, context: ToolCallContext) -> str:
        """Return the id of the user's default calendar, or of the first one that the user owns."""
        user = context.turn.user
        calendars = await self._calendars.list_calendars(user)
        owned = [calendar for calendar in calendars if calendar.user_id == user.id]
        default = next((calendar for calendar in owned if calendar.is_default), None)
        if default is None and not owned:
            raise ToolError("No calendars found. Cannot create event.")
        return (default or owned[0]).id

    async def _find_zone(self, context: ToolCallContext) -> ZoneInfo:
        """Return the user's time zone; UTC where it is unknown or invalid."""
        name = await store.find_timezone(self._db, context.turn.user.id)
        try:
            return ZoneInfo(name) if name else _UTC
        except (KeyError, ValueError, OSError):
            return _UTC


def _parse_time(name: str, value: str, zone: ZoneInfo) -> int:
    """Return a time (ns); without an offset it is a local time.

    Raises:
        ToolError: it is invalid, or the clocks skip it.
    """
    try:
        moment = datetime.datetime.fromisoformat(value)
        local = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
        utc = local.astimezone(datetime.UTC)
    except (ValueError, OverflowError) as error:
        raise ToolError(f'Invalid {name} datetime: {error}. Use format like "2026-04-20 09:00"') from None
    if moment.tzinfo is None and utc.astimezone(zone).replace(tzinfo=None) != moment:
        raise ToolError(f"Invalid {name} datetime: {value} does not exist in {zone.key}, where the clocks skip it")
    milliseconds = (utc - _EPOCH) // datetime.timedelta(milliseconds=1)
    if abs(milliseconds) >= 2**61 // 10**6:
        raise ToolError(f"Invalid {name} datetime: {value} is out of range")
    return milliseconds * 10**6


def _format_time(time_ns: int, zone: ZoneInfo) -> str:
    moment = _EPOCH + datetime.timedelta(microseconds=time_ns // 1000)
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def _matches(event: EventResponse, query: str) -> bool:
    return any(query in (part or "").lower() for part in (event.title, event.description, event.location))


def _describe_event(event: EventResponse, zone: ZoneInfo) -> Json:
    meta = msgspec.json.decode(event.meta)
    minutes = meta.get("alert_minutes") if isinstance(meta, dict) else None
    return {
        "id": event.id,
        "calendar_id": event.calendar_id,
        "title": event.title,
        "description": event.description or "",
        "start": _format_time(event.start_at, zone),
        "end": _format_time(event.end_at, zone) if event.end_at else None,
        "all_day": event.all_day,
        "location": event.location or "",
        "reminder_minutes": _DEFAULT_REMINDER if minutes is None else minutes,
        "color": event.color,
        "is_cancelled": event.is_cancelled,
    }
