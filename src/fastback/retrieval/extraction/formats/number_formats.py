"""Values of cells: numbers that a number format shows as dates, times or durations."""

from __future__ import annotations

import datetime as dt
import re

from fastback.retrieval.extraction.formats.cell_text import NumberFormatter, format_cell, format_number

#: Ids of the built-in formats of dates and times, some of them of East Asian programs only, and of durations.
_LOCAL_DATE_IDS = frozenset((*range(27, 37), *range(50, 59)))
_DATE_IDS = frozenset((*range(14, 23), 45, 47, *_LOCAL_DATE_IDS))
_DURATION_IDS = frozenset((46,))
_DURATION = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
#: Quoted, escaped and bracketed characters, which say nothing about the kind of a value.
_LITERALS = re.compile(r'"[^"]*"?|\\.|_.|\*.|\[[^\[\]]*\]')
_DATE_LETTERS = re.compile("[ymdhs]", re.IGNORECASE)
#: Day 0 of serial numbers. The first two months of 1900 are a day later, because day 60 does not exist.
_EPOCH, _EPOCH_1904 = dt.datetime(1899, 12, 30), dt.datetime(1904, 1, 1)
_DAY = 86_400_000  # milliseconds
#: The first day from which on days are counted from the epoch.
_FIRST_REGULAR_DAY = 61
_MAX_SERIAL = 2_900_000  # in the year 9839
_MAX_CACHED_DATES = 10_000

NUMBER, DATE, DURATION = range(3)


def classify_format(format_id: int, code: str | None) -> int:
    """Return what a number format shows: `NUMBER`, `DATE` or `DURATION`. `code` is None for a built-in format."""
    if code is None:
        return DATE if format_id in _DATE_IDS else DURATION if format_id in _DURATION_IDS else NUMBER
    if _DURATION.search(code):
        return DURATION
    section = _LITERALS.sub("", code.replace("General", "")).split(";")[0]
    return DATE if _DATE_LETTERS.search(section) else NUMBER


def is_usual_format(format_id: int, code: str | None) -> bool:
    """Return whether every program finds the same kind for a format. Durations are displayed in several ways."""
    if code is None:
        return format_id not in _LOCAL_DATE_IDS and format_id not in _DURATION_IDS
    first_section = _LITERALS.sub("", code.replace("General", "")).split(";")[0]
    letters = first_section.lower().replace("am/pm", "")
    return not _DURATION.search(code) and "a" not in letters and "[" not in letters and '"' not in letters


def convert_serial(serial: float, kind: int, *, is_1904: bool = False) -> object:
    """Return the value that a serial number shows; the number itself where it is out of range."""
    if kind == NUMBER:
        return serial
    try:
        # Serial numbers are exact to about a millisecond.
        span = dt.timedelta(milliseconds=round(serial * _DAY))
        if kind == DURATION:
            return span
        if 0 <= serial < 1 and not is_1904:
            return (dt.datetime.min + span).time().replace(microsecond=0)
        epoch = _EPOCH_1904 if is_1904 else _EPOCH
        return epoch + span + dt.timedelta(days=1 if serial < 60 and not is_1904 else 0)
    except (OverflowError, ValueError):
        return serial


class CellFormats:
    """The cell formats of a workbook. `kinds` has what each of them shows.

    `formatters` return the texts of numbers, by the index of a format; formats without one show the numbers themselves.
    """

    def __init__(self, kinds: list[int], *, is_1904: bool) -> None:
        self._is_1904 = is_1904
        self._dates: dict[int, str] = {}
        by_kind: dict[int, NumberFormatter] = {DATE: self._format_date, DURATION: self._format_duration}
        self.formatters = {index: by_kind[kind] for index, kind in enumerate(kinds) if kind in by_kind}

    def format_number(self, number: float, index: int) -> str:
        """Return the text of a number in a format, which may be missing."""
        return self.formatters.get(index, format_number)(number)

    def _format_duration(self, serial: float) -> str:
        return format_cell(convert_serial(serial, DURATION))

    def _format_serial(self, serial: float) -> str:
        return format_cell(convert_serial(serial, DATE, is_1904=self._is_1904))

    def _format_date(self, serial: float) -> str:
        """Return the same as `_format_serial`. Workbooks have many dates, and many of them on the same day."""
        if not _FIRST_REGULAR_DAY <= serial < _MAX_SERIAL:
            return self._format_serial(serial)
        day, milliseconds = divmod(round(serial * _DAY), _DAY)
        date = self._dates.get(day)
        if date is None:
            if len(self._dates) >= _MAX_CACHED_DATES:
                self._dates.clear()
            date = self._dates[day] = self._format_serial(float(day))
        if not milliseconds:
            return date
        minutes, seconds = divmod(milliseconds // 1000, 60)
        return f"{date} {minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
