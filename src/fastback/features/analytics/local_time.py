"""The server's local time in SQL: by how much it is ahead of UTC, and when that changes."""

from __future__ import annotations

import datetime
import itertools
import time
from functools import lru_cache

_DAY = 86_400
_EPOCH = datetime.datetime(1970, 1, 1)


def _ahead(moment: int) -> int:
    return time.localtime(moment).tm_gmtoff


@lru_cache(4)
def _list_offsets(first_day: int, last_day: int) -> tuple[tuple[int, int], ...]:
    """From which Unix time on local time is how many seconds ahead."""
    at = first_day * _DAY
    ahead = _ahead(at)
    found = [(at, ahead)]
    while at < last_day * _DAY:
        low, high = at, at + _DAY
        if (then := _ahead(high)) != ahead:
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _ahead(middle) == ahead else (low, middle)
            found.append((high, then))
            ahead = then
        at += _DAY
    return tuple(found)


def build_period_expression(moment: str, minutes: int, first: int, last: int) -> str:
    """An expression for the number of the local stretch of `minutes` in which a moment lies, see `begin`.

    `moment` is an expression of Unix seconds; local time is right between the times `first` and `last`.
    """
    offsets = _list_offsets(first // _DAY - 2, last // _DAY + 2)
    ahead = str(offsets[-1][1])
    if len(offsets) > 1:
        cases = "".join(
            f" WHEN {moment} < {until} THEN {offset}" for (_, offset), (until, _) in itertools.pairwise(offsets)
        )
        ahead = f"CASE{cases} ELSE {offsets[-1][1]} END"
    return f"(({moment} + {ahead}) / {minutes * 60})"


def compute_start(number: int, minutes: int) -> datetime.datetime:
    """The local time at which a stretch begins."""
    return _EPOCH + datetime.timedelta(minutes=number * minutes)
