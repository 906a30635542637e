"""Indexes of calendar events; the reference's schema has none for long events, series and attendees."""

from __future__ import annotations

from fastback.kit.db.indexes import Index


def _build_index(name: str, text: str) -> Index:
    return Index(name, sqlite=text, postgres=text)


#: Microseconds of a day; differences are taken in microseconds, as those in nanoseconds may have more than 64 bits.
DAY_US = 86_400_000_000
IS_LONG = f"end_at / 1000 - start_at / 1000 > {DAY_US}"
IS_SERIES = "rrule <> ''"

INDEXES = (
    #: Events of more than a day, which may begin long before the range that shows them.
    _build_index("fastback_calendar_event_long", f"ON calendar_event (calendar_id, end_at) WHERE {IS_LONG}"),
    _build_index("fastback_calendar_event_series", f"ON calendar_event (calendar_id) WHERE {IS_SERIES}"),
    #: Reminders.
    _build_index("fastback_calendar_event_start", "ON calendar_event (start_at)"),
)
