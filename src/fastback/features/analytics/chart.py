"""The chart over time: values of each model in stretches of the server's local time, perhaps beside those of before."""

from __future__ import annotations

import asyncio
import datetime
import time
from typing import Literal

import msgspec

from fastback.features.analytics.aggregates import ModelValue, UsageFilter
from fastback.features.analytics.local_time import compute_start
from fastback.features.analytics.usage import UsageStatistics

Granularity = Literal["10m", "hourly", "3h", "6h", "daily"]
_MINUTES: dict[Granularity, int] = {"10m": 10, "hourly": 60, "3h": 180, "6h": 360, "daily": 1440}
#: More points than these are no chart.
MAX_POINTS = 200_000

Values = dict[str, int]


class Before(msgspec.Struct):
    """The same stretch of the period before."""

    models: Values
    start: str
    end: str


class Point(msgspec.Struct):
    """`date` is `YYYY-MM-DD`, with ` HH:MM` where the stretches are shorter than a day."""

    date: str
    models: Values
    start: str | None = None
    end: str | None = None
    previous: Before | None = None


def _begin(moment: float, minutes: int) -> datetime.datetime:
    date = datetime.datetime.fromtimestamp(moment)
    passed = (date.hour * 60 + date.minute) // minutes * minutes
    return date.replace(hour=passed // 60, minute=passed % 60, second=0, microsecond=0)


def _sane(moment: int) -> float:
    """A time as messages have it: in seconds; what cannot be one is now."""
    now = time.time()
    seconds = moment / 1000 if moment > 10_000_000_000 else moment
    return seconds if 1_577_836_800 <= seconds <= now + 86_400 else now


class Chart:
    """Makes the points."""

    def __init__(self, usage: UsageStatistics, granularity: Granularity, *, tokens: bool) -> None:
        self._usage = usage
        self._tokens = tokens
        self._minutes = _MINUTES[granularity]
        self._format = "%Y-%m-%d" if granularity == "daily" else "%Y-%m-%d %H:%M"

    def count_points(self, start: int, end: int) -> int:
        return max(0, end - start) // (self._minutes * 60) + 1

    async def _slots(self, chosen: UsageFilter, shift: int = 0) -> list[ModelValue]:
        return await self._usage.list_values_over_time(chosen, minutes=self._minutes, tokens=self._tokens, shift=shift)

    def _values(self, slots: list[ModelValue], chosen: UsageFilter, shift: int = 0) -> dict[datetime.datetime, Values]:
        """The values by the beginning of their stretch, every one between start and end where both are given."""
        found: dict[datetime.datetime, Values] = {}
        known: dict[int, Values] = {}
        for slot in slots:
            values = known.get(slot.at)
            if values is None:
                values = known[slot.at] = found.setdefault(compute_start(slot.at, self._minutes), {})
            values[slot.model_id] = slot.value
        if chosen.start and chosen.end:
            at = _begin(_sane(chosen.start) + shift, self._minutes)
            last = datetime.datetime.fromtimestamp(_sane(chosen.end) + shift)
            while at <= last:
                found.setdefault(at, {})
                at += datetime.timedelta(minutes=self._minutes)
        return found

    async def list_points(self, chosen: UsageFilter) -> list[Point]:
        slots = await self._slots(chosen)

        def drawn() -> list[Point]:
            found = self._values(slots, chosen)
            return [Point(at.strftime(self._format), _by_name(found[at])) for at in sorted(found)]

        # The hours of a year are tens of thousands of values.
        return await asyncio.to_thread(drawn)

    async def list_compared_points(self, start: int, end: int, group_id: str | None) -> list[Point]:
        """The points between two times, each beside the one as long before as the period lasts."""
        length = end - start + 1
        chosen, before = UsageFilter(start, end, group_id), UsageFilter(start - length, start - 1, group_id)
        slots, earlier_slots = await self._slots(chosen), await self._slots(before, length)

        def drawn() -> list[Point]:
            found = self._values(slots, chosen)
            earlier = self._values(earlier_slots, before, length)
            points = []
            for at in sorted(found):
                begin = max(start, int(at.timestamp()))
                over = min(end + 1, int((at + datetime.timedelta(minutes=self._minutes)).timestamp()))
                previous = Before(_by_name(earlier.get(at, {})), _written(begin - length), _written(over - length))
                date = at.strftime(self._format)
                points.append(Point(date, _by_name(found[at]), _written(begin), _written(over), previous))
            return points

        return await asyncio.to_thread(drawn)


def _by_name(values: Values) -> Values:
    return dict(sorted(values.items()))


def _written(moment: int) -> str:
    return datetime.datetime.fromtimestamp(moment).isoformat()
