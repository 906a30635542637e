"""Values of cells: numbers that a number format shows as dates, times or durations."""

from __future__ import annotations

import datetime as dt
import re

#: Ids of the built-in formats of dates and times, and of durations.
_DATE_IDS = frozenset((*range(14, 23), *range(27, 37), 45, 47, *range(50, 59)))
_DURATION_IDS = frozenset((46,))
_DURATION = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
#: Quoted, escaped and bracketed characters, which say nothing about the kind of a value.
_LITERALS = re.compile(r'"[^"]*"?|\\.|_.|\*.|\[[^\[\]]*\]')
_DATE_LETTERS = re.compile("[ymdhs]", re.IGNORECASE)
#: Day 0 of serial numbers. The first two months of 1900 are a day later, because day 60 does not exist.
_EPOCH, _EPOCH_1904 = dt.datetime(1899, 12, 30), dt.datetime(1904, 1, 1)

NUMBER, DATE, DURATION = range(3)


def classify_format(format_id: int, code: str | None) -> int:
    """Return what a number format shows: `NUMBER`, `DATE` or `DURATION`. `code` is None for a built-in format."""
    if code is None:
        return DATE if format_id in _DATE_IDS else DURATION if format_id in _DURATION_IDS else NUMBER
    if _DURATION.search(code):
        return DURATION
    section = _LITERALS.sub("", code.replace("General", "")).split(";")[0]
    return DATE if _DATE_LETTERS.search(section) else NUMBER


def convert_serial(serial: float, kind: int, *, is_1904: bool = False) -> object:
    """Return the value that a serial number shows; the number itself where it is out of range."""
    if kind == NUMBER:
        return serial
    try:
        # Serial numbers are exact to about a millisecond.
        span = dt.timedelta(milliseconds=round(serial * 86_400_000))
        if kind == DURATION:
            return span
        if 0 <= serial < 1 and not is_1904:
            return (dt.datetime.min + span).time().replace(microsecond=0)
        epoch = _EPOCH_1904 if is_1904 else _EPOCH
        return epoch + span + dt.timedelta(days=1 if serial < 60 and not is_1904 else 0)
    except (OverflowError, ValueError):
        return serial
