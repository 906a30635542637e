"""Wins and losses of a model by day, in the server's time zone."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

import msgspec

from fastback.features.evaluations.store import Verdict


class Day(msgspec.Struct):
    """Wins and losses of one day; `date` is `YYYY-MM-DD`."""

    date: str
    won: int = 0
    lost: int = 0


def count_by_day(verdicts: Iterable[Verdict]) -> dict[datetime.date, Day]:
    """Return the days that have a verdict."""
    days: dict[datetime.date, Day] = {}
    for verdict in verdicts:
        date = datetime.date.fromtimestamp(verdict.created_at)
        day = days.get(date)
        if day is None:
            day = days[date] = Day(date.isoformat())
        if verdict.rating == "1":
            day.won += 1
        else:
            day.lost += 1
    return days


def fill_days(days: dict[datetime.date, Day], first: datetime.date, last: datetime.date) -> list[Day]:
    """Return every day from the first to the last; days without a verdict are zero."""
    dates = (first + datetime.timedelta(offset) for offset in range((last - first).days + 1))
    return [days.get(date) or Day(date.isoformat()) for date in dates]
