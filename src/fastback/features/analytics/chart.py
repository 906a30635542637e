"""The chart over time: values of each model by period of the server's local time, and those of an earlier time."""

from __future__ import annotations

import asyncio
import datetime
import time
from typing import Literal

import msgspec

from fastback.features.analytics.aggregates import ModelValue, UsageFilter
from fastback.features.analytics.local_time import compute_start
from fastback.features.analytics.message_columns import EARLIEST, MILLISECONDS_FROM
from fastback.features.analytics.usage import UsageStatistics

Granularity = Literal["10m", "hourly", "3h", "6h", "daily"]
#: Minutes of a period.
_MINUTES: dict[Granularity, int] = {"10m": 10, "hourly": 60, "3h": 180, "6h": 360, "daily": 1440}
#: A chart with more points than this is refused.
MAX_POINTS = 200_000

Values = dict[str, int]


class EarlierValues(msgspec.Struct):
    """The values of the same period in the earlier time."""

    models: Values
    start: str
    end: str


class Point(msgspec.Struct):
    """The values of one period; `date` is `YYYY-MM-DD`, with ` HH:MM` where periods are shorter than a day."""

    date: str
    models: Values
    start: str | None = None
    end: str | None = None
    previous: EarlierValues | None = None


def _round_down(moment: float, minutes: int) -> datetime.datetime:
    """Return the local start of the period that contains a Unix time."""
    date = datetime.datetime.fromtimestamp(moment)
    minute_of_day = (date.hour * 60 + date.minute) // minutes * minutes
    return date.replace(hour=minute_of_day // 60, minute=minute_of_day % 60, second=0, microsecond=0)


def _normalise_time(moment: int) -> float:
    """Return a message's time in seconds; an implausible time counts as now."""
    now = time.time()
    seconds = moment / 1000 if moment > MILLISECONDS_FROM else moment
    return seconds if EARLIEST <= seconds <= now + 86_400 else now


class Chart:
    """Computes the points of a chart of messages or tokens."""

    def __init__(self, usage: UsageStatistics, granularity: Granularity, *, tokens: bool) -> None:
        self._usage = usage
        self._tokens = tokens
        self._minutes = _MINUTES[granularity]
        self._format = "%Y-%m-%d" if granularity == "daily" else "%Y-%m-%d %H:%M"

    def count_points(self, start: int, end: int) -> int:
        """Return the number of points between two Unix times."""
        return max(0, end - start) // (self._minutes * 60) + 1

    async def _list_values(self, usage_filter: UsageFilter, shift: int = 0) -> list[ModelValue]:
        return await self._usage.list_values_over_time(
            usage_filter, minutes=self._minutes, tokens=self._tokens, shift=shift
        )

    def _group_by_start(
        self, rows: list[ModelValue], usage_filter: UsageFilter, shift: int = 0
    ) -> dict[datetime.datetime, Values]:
        """Return the values by the start of their period; with both bounds, every period between them is included."""
        by_start: dict[datetime.datetime, Values] = {}
        by_number: dict[int, Values] = {}
        for row in rows:
            values = by_number.get(row.at)
            if values is None:
                values = by_number[row.at] = by_start.setdefault(compute_start(row.at, self._minutes), {})
            values[row.model_id] = row.value
        if usage_filter.start and usage_filter.end:
            at = _round_down(_normalise_time(usage_filter.start) + shift, self._minutes)
            last = datetime.datetime.fromtimestamp(_normalise_time(usage_filter.end) + shift)
            while at <= last:
                by_start.setdefault(at, {})
                at += datetime.timedelta(minutes=self._minutes)
        return by_start

    async def list_points(self, usage_filter: UsageFilter) -> list[Point]:
        """Return the points in order."""
        rows = await self._list_values(usage_filter)

        def build() -> list[Point]:
            by_start = self._group_by_start(rows, usage_filter)
            return [Point(at.strftime(self._format), _sort_by_name(by_start[at])) for at in sorted(by_start)]

        # The hours of a year are tens of thousands of values.
        return await asyncio.to_thread(build)

    async def list_compared_points(self, start: int, end: int, group_id: str | None) -> list[Point]:
        """Return the points between two Unix times, each with the values of the time of equal length before."""
        length = end - start + 1
        current_filter = UsageFilter(start, end, group_id)
        earlier_filter = UsageFilter(start - length, start - 1, group_id)
        current_rows = await self._list_values(current_filter)
        earlier_rows = await self._list_values(earlier_filter, length)

        def build() -> list[Point]:
            current = self._group_by_start(current_rows, current_filter)
            earlier = self._group_by_start(earlier_rows, earlier_filter, length)
            points = []
            for at in sorted(current):
                period_start = max(start, int(at.timestamp()))
                period_end = min(end + 1, int((at + datetime.timedelta(minutes=self._minutes)).timestamp()))
                previous = EarlierValues(
                    _sort_by_name(earlier.get(at, {})),
                    _format_time(period_start - length),
                    _format_time(period_end - length),
                )
                date, values = at.strftime(self._format), _sort_by_name(current[at])
                points.append(Point(date, values, _format_time(period_start), _format_time(period_end), previous))
            return points

        return await asyncio.to_thread(build)


def _sort_by_name(values: Values) -> Values:
    return dict(sorted(values.items()))


def _format_time(moment: int) -> str:
    return datetime.datetime.fromtimestamp(moment).isoformat()
