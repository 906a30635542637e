"""Lists of events for users: the events of a range with the occurrences of series, and searches."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec

from fastback.access.identity import User
from fastback.features.automations.calendar_entries import CalendarEntries
from fastback.features.calendars.access import CalendarAccess
from fastback.features.calendars.events import attendee_store, listing_store
from fastback.features.calendars.events.automation_runs import build_past_run, build_planned_runs
from fastback.features.calendars.events.listing_store import EventSearch, ListedRow
from fastback.features.calendars.events.recurrence import Recurrence
from fastback.features.calendars.events.schemas import Attendee, EventPage, ListedEvent
from fastback.features.calendars.events.store import Event
from fastback.features.calendars.service import SCHEDULED_TASKS_ID
from fastback.kit.db import Database
from fastback.kit.http import BadRequest
from fastback.kit.pacing import let_others_run
from fastback.records.listing import UserSummary

#: Events and occurrences in one list, and their characters.
MAX_LISTED, MAX_CHARACTERS = 10_000, 8_000_000
#: Events that are built in one turn of the event loop.
_SLICE = 500
#: Events on one page of a search.
MAX_PAGE_SIZE = 1000
_FIELDS = Event.__struct_fields__
_EPOCH = datetime.datetime.fromtimestamp(0, datetime.UTC)
#: Times with room for an event's length in 64 bits.
_EARLIEST, _LATEST = -(2**62), 2**63 - 2**61


def parse_time(text: str) -> int:
    """Return a time in ISO 8601 as nanoseconds; without an offset it is the server's local time.

    Raises:
        BadRequest: it is invalid.
    """
    try:
        moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
        microseconds = (moment.astimezone(datetime.UTC) - _EPOCH) // datetime.timedelta(microseconds=1)
    except (ValueError, OverflowError, OSError):
        raise BadRequest("Invalid date format. Use ISO 8601 (e.g. 2026-04-01T00:00:00)") from None
    return min(max(microseconds // 1000 * 1_000_000, _EARLIEST), _LATEST)


def _build_listed_event(row: ListedRow, attendees: list[Attendee]) -> ListedEvent:
    fields: dict[str, Any] = {name: getattr(row, name) for name in _FIELDS}
    user = None
    if row.creator_name is not None:
        user = UserSummary(row.user_id, row.creator_name, row.creator_role or "", row.creator_email or "")
    return ListedEvent(**fields, attendees=attendees, user=user)


def _count_characters(event: ListedEvent) -> int:
    texts = (event.title, event.description, event.location, event.rrule)
    return sum(len(text) for text in texts if text) + len(bytes(event.data)) + len(bytes(event.meta)) + 400


class EventListing:
    """List events for users."""

    def __init__(
        self, *, db: Database, access: CalendarAccess, recurrence: Recurrence, entries: CalendarEntries
    ) -> None:
        self._db = db
        self._access = access
        self._recurrence = recurrence
        self._entries = entries

    async def _list_calendar_ids(self, user: User) -> list[str]:
        return await listing_store.list_readable_calendars(self._db, user.id, await self._access.list_group_ids(user))

    async def list_range(
        self, user: User, start: int, end: int, calendar_ids: list[str] | None = None
    ) -> list[ListedEvent]:
        """Return the events between two times (ns), a series as its occurrences; also those the user attends.

        Raises:
            BadRequest: there are too many for one response.
        """
        readable_ids = await self._list_calendar_ids(user)
        if calendar_ids is not None:
            readable_ids = sorted(set(readable_ids).intersection(calendar_ids))
        rows = await listing_store.list_range(
            self._db, readable_ids, user.id, start=start, end=end, limit=MAX_LISTED + 1
        )
        attendees = await attendee_store.list_attendees(self._db, [row.id for row in rows])
        starts = await self._expand_rows(rows, start, end)
        listed: list[ListedEvent] = []
        characters = 0
        for number, row in enumerate(rows, 1):
            if number % _SLICE == 0:
                await let_others_run()
            event = _build_listed_event(row, attendees[row.id])
            occurrences = starts.get(row.id)
            copies = [event] if occurrences is None else _build_occurrences(event, occurrences)
            characters += len(copies) * _count_characters(event)
            listed += copies
            if len(listed) > MAX_LISTED or characters > MAX_CHARACTERS:
                raise BadRequest("The range has too many events; request a shorter one.")
        return listed

    async def list_range_with_automations(
        self, user: User, start: int, end: int, calendar_ids: list[str] | None
    ) -> list[ListedEvent]:
        """Like `list_range`, with the runs of the user's automations, where these are in one of the calendars.

        Runs for which there is no room in the response are left out.

        Raises:
            BadRequest: there are too many events for one response.
        """
        listed = await self.list_range(user, start, end, calendar_ids)
        is_chosen = calendar_ids is None or SCHEDULED_TASKS_ID in calendar_ids
        if not is_chosen or not await self._access.may_use_automations(user):
            return listed
        room, characters = MAX_LISTED - len(listed), sum(map(_count_characters, listed))
        for planned in await self._entries.list_planned(user.id, start, end):
            for event in build_planned_runs(planned):
                characters += _count_characters(event)
                room -= 1
                if room < 0 or characters > MAX_CHARACTERS:
                    break
                listed.append(event)
        runs = await self._entries.list_runs(user.id, start, end)
        return [*listed, *(build_past_run(run, user.id) for run in runs)]

    async def _expand_rows(self, rows: list[ListedRow], start: int, end: int) -> dict[str, list[int] | None]:
        """Return the starts of the occurrences of each series, by its id; None where its rule cannot be evaluated."""
        series = [row for row in rows if row.rrule]
        jobs = [
            {
                "rule": row.rrule,
                "start": row.start_at,
                "length": (row.end_at or row.start_at) - row.start_at,
                "zone": row.timezone,
            }
            for row in series
        ]
        starts = await self._recurrence.expand_series(jobs, start, end)
        return {row.id: occurrences for row, occurrences in zip(series, starts, strict=True)}

    async def search_events(self, user: User, query: str | None, *, skip: int, limit: int) -> EventPage:
        """Return a page of the events whose texts match a query, latest first, each series once."""
        calendar_ids = await self._list_calendar_ids(user)
        page_size = min(limit, MAX_PAGE_SIZE) if limit > 0 else MAX_PAGE_SIZE
        search = EventSearch(calendar_ids, f"%{query}%" if query else None, page_size, max(skip, 0))
        rows, total = await listing_store.search_events(self._db, search)
        attendees = await attendee_store.list_attendees(self._db, [row.id for row in rows])
        return EventPage([_build_listed_event(row, attendees[row.id]) for row in rows], total)


def _build_occurrences(event: ListedEvent, starts: list[int]) -> list[ListedEvent]:
    length = None if not event.end_at else event.end_at - event.start_at
    return [
        msgspec.structs.replace(
            event,
            start_at=start,
            end_at=start + length if length else None,
            instance_id=f"{event.id}_{start}",
        )
        for start in starts
    ]
