"""Lists of events: those of a range, and those that match a search. Times are in nanoseconds."""

from __future__ import annotations

import msgspec

from fastback.access.grants import build_granted_ids
from fastback.features.calendars.events.store import COLUMNS, Event
from fastback.features.calendars.indexes import DAY_US
from fastback.kit.db import Database

_DAY_NS = DAY_US * 1000
_CREATOR = """u.name, u.role, u.email, u.timezone"""
_JOIN_CREATOR = 'LEFT JOIN "user" u ON u.id = e.user_id'
_IS_SINGLE = "COALESCE(e.rrule, '') = ''"
_IS_LONG = f"e.end_at / 1000 - e.start_at / 1000 > {DAY_US}"
_MEETS_RANGE = "e.start_at < :end AND (e.start_at >= :start OR e.end_at > :start)"

LIST_READABLE_CALENDARS = f"""
    SELECT o.id FROM calendar o WHERE o.user_id = :user_id UNION {build_granted_ids("calendar", "'read'")}"""
#: Four searches, each with an index: short events, long ones, series, and invitations. The sum keeps SQLite from
#: the index of all earlier events, where it looks for series.
_RANGE_IDS = f"""
    SELECT e.id FROM calendar_event e WHERE e.calendar_id = ANY(:calendar_ids) AND e.start_at > :start - {_DAY_NS}
        AND e.start_at < :end AND {_IS_SINGLE} AND {_MEETS_RANGE}
    UNION SELECT e.id FROM calendar_event e WHERE e.calendar_id = ANY(:calendar_ids) AND {_IS_LONG}
        AND e.end_at > :start AND {_IS_SINGLE} AND {_MEETS_RANGE}
    UNION SELECT e.id FROM calendar_event e
        WHERE e.calendar_id = ANY(:calendar_ids) AND e.rrule <> '' AND e.start_at + 0 < :end
    UNION SELECT e.id FROM calendar_event_attendee a JOIN calendar_event e ON e.id = a.event_id
        WHERE a.user_id = :user_id AND a.status <> 'declined' AND e.start_at < :end
            AND (e.rrule <> '' OR {_MEETS_RANGE})"""
_LIST_RANGE = f"""
    SELECT {COLUMNS}, {_CREATOR} FROM calendar_event e {_JOIN_CREATOR}
    WHERE e.is_cancelled = FALSE AND {{ids}} ORDER BY e.start_at, e.created_at, e.id LIMIT :limit"""
LIST_RANGE = {
    "sqlite": _LIST_RANGE.format(ids=f"e.id IN ({_RANGE_IDS})"),
    "postgres": _LIST_RANGE.format(ids=f"e.id = ANY (ARRAY({_RANGE_IDS}))"),
}
_IS_VISIBLE = "e.is_cancelled = FALSE AND e.calendar_id = ANY(:calendar_ids)"
_MATCHES = """(lower(e.title) LIKE lower(:query) OR lower(e.description) LIKE lower(:query)
    OR lower(e.location) LIKE lower(:query))"""
_PAGE = "ORDER BY e.start_at DESC, e.created_at DESC, e.id LIMIT :limit OFFSET :skip"
COUNT_EVENTS = f"SELECT count(*) FROM calendar_event e WHERE {_IS_VISIBLE}"
COUNT_MATCHES = f"{COUNT_EVENTS} AND {_MATCHES}"
LIST_PAGE_IDS = f"SELECT e.id FROM calendar_event e WHERE {_IS_VISIBLE} {_PAGE}"
LIST_MATCH_IDS = f"SELECT e.id FROM calendar_event e WHERE {_IS_VISIBLE} AND {_MATCHES} {_PAGE}"
LIST_EVENTS = f"""
    SELECT {COLUMNS}, {_CREATOR} FROM calendar_event e {_JOIN_CREATOR} WHERE e.id = ANY(:ids)
    ORDER BY e.start_at DESC, e.created_at DESC, e.id"""


class ListedRow(Event):
    """An event with its creator, whose fields are None where the account was deleted."""

    creator_name: str | None
    creator_role: str | None
    creator_email: str | None
    timezone: str | None


class EventSearch(msgspec.Struct, frozen=True):
    """A page of the events of calendars; `query` is a LIKE pattern, or None for every event."""

    calendar_ids: list[str]
    query: str | None
    limit: int
    skip: int


async def list_readable_calendars(db: Database, user_id: str, group_ids: list[str]) -> list[str]:
    """Return the ids of the calendars that a user owns or may read."""
    return await db.fetch_all(
        str, "calendars.list_readable", LIST_READABLE_CALENDARS, user_id=user_id, group_ids=group_ids
    )


async def list_range(
    db: Database, calendar_ids: list[str], user_id: str, *, start: int, end: int, limit: int
) -> list[ListedRow]:
    """Return the events of calendars, and those that the user attends, which a range meets, and all earlier series."""
    return await db.fetch_all_in_thread(
        ListedRow,
        "calendars.list_range",
        LIST_RANGE[db.dialect],
        calendar_ids=calendar_ids,
        user_id=user_id,
        start=start,
        end=end,
        limit=limit,
    )


async def search_events(db: Database, search: EventSearch) -> tuple[list[ListedRow], int]:
    """Return a page of events, latest first, and the number of events on all pages."""
    matching = {} if search.query is None else {"query": search.query}
    count_text, ids_text = (COUNT_EVENTS, LIST_PAGE_IDS) if search.query is None else (COUNT_MATCHES, LIST_MATCH_IDS)
    params = {"calendar_ids": search.calendar_ids, **matching}
    (total,) = await db.fetch_all_in_thread(int, "calendars.count_events", count_text, **params)
    if not total:
        return [], 0
    ids = await db.fetch_all_in_thread(
        str, "calendars.list_event_ids", ids_text, limit=search.limit, skip=search.skip, **params
    )
    return await db.fetch_all(ListedRow, "calendars.list_events", LIST_EVENTS, ids=ids) if ids else [], total
