"""The server's local time in SQL: its offsets from UTC, and when they change."""

from __future__ import annotations

import datetime
import itertools
import time
from functools import lru_cache

_DAY = 86_400
_EPOCH = datetime.datetime(1970, 1, 1)


def _get_offset(moment: int) -> int:
    """Return the seconds by which local time is ahead of UTC."""
    return time.localtime(moment).tm_gmtoff


@lru_cache(4)
def _list_offsets(first_day: int, last_day: int) -> tuple[tuple[int, int], ...]:
    """Return pairs of a Unix time and the offset that holds from then on."""
    at = first_day * _DAY
    offset = _get_offset(at)
    offsets = [(at, offset)]
    while at < last_day * _DAY:
        low, high = at, at + _DAY
        if (next_offset := _get_offset(high)) != offset:
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _get_offset(middle) == offset else (low, middle)
            offsets.append((high, next_offset))
            offset = next_offset
        at += _DAY
    return tuple(offsets)


def build_period_expression(moment: str, minutes: int, first: int, last: int) -> str:
    """Return an expression for the number of the local period of `minutes` that contains a moment (`compute_start`).

    `moment` is an expression of Unix seconds; local time is correct between the times `first` and `last`.
    """
    offsets = _list_offsets(first // _DAY - 2, last // _DAY + 2)
    offset_expression = str(offsets[-1][1])
    if len(offsets) > 1:
        cases = "".join(
            f" WHEN {moment} < {until} THEN {offset}" for (_, offset), (until, _) in itertools.pairwise(offsets)
        )
        offset_expression = f"CASE{cases} ELSE {offsets[-1][1]} END"
    return f"(({moment} + {offset_expression}) / {minutes * 60})"


def compute_start(number: int, minutes: int) -> datetime.datetime:
    """Return the local time at which the period with this number begins."""
    return _EPOCH + datetime.timedelta(minutes=number * minutes)
