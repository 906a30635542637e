"""Lax conversion of single values, with the messages of pydantic.

A reader takes a value (from JSON, or the text of a path or query parameter), its location and a list; it returns the
converted value, or adds a problem to the list and returns None. A problem is `{"type", "loc", "msg", "input"}`, with
`ctx` where this type of problem has one.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable
from typing import Any

from fastback.kit.http.integer_bounds import LARGEST, SMALLEST

Loc = tuple[str | int, ...]
Problem = dict[str, Any]
Reader = Callable[[Any, Loc, list[Problem]], Any]


def make_problem(kind: str, loc: Loc, msg: str, value: Any, ctx: dict[str, Any] | None = None) -> Problem:
    entry: Problem = {"type": kind, "loc": loc, "msg": msg, "input": value}
    if ctx is not None:
        entry["ctx"] = ctx
    return entry


def make_missing_problem(loc: Loc, value: Any = None) -> Problem:
    """Return the problem of a missing field; `value` is the object that lacks it."""
    return make_problem("missing", loc, "Field required", value)


def read_str(value: Any, loc: Loc, problems: list[Problem]) -> Any:
    """Accept a text that UTF-8 can encode."""
    if not isinstance(value, str):
        problems.append(make_problem("string_type", loc, "Input should be a valid string", value))
        return None
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:  # half of a surrogate pair
            message = "Input should be a valid string, unable to parse raw data as a unicode string"
            problems.append(make_problem("string_unicode", loc, message, value.encode("utf-8", "replace").decode()))
            return None
    return value


# The text of an integer may have underscores between digits, and a fraction of zeros.
_INTEGER = re.compile(r"[+-]?\d+(?:_\d+)*(?:\.0+)?")
#: Most digits of an integer: the time to convert them grows with their square.
_MAX_DIGITS = 4300
_NOT_FINITE = "Input should be a finite number"
_TOO_LARGE = "Unable to parse input string as an integer, exceeded maximum size"


def read_int(value: Any, loc: Loc, problems: list[Problem]) -> Any:
    """Convert an integer, also as text or as a float without a fraction; it has 64 bits at most."""
    number = _convert_integer(value, loc, problems)
    if number is None or SMALLEST <= number <= LARGEST:
        return number
    problems.append(make_problem("int_parsing_size", loc, _TOO_LARGE, value))
    return None


def _convert_integer(value: Any, loc: Loc, problems: list[Problem]) -> int | None:
    kind, message = "int_type", "Input should be a valid integer"
    if isinstance(value, bool | int):
        return int(value)
    if isinstance(value, str):
        text = value.strip()
        if _INTEGER.fullmatch(text):
            digits = text.partition(".")[0]
            if len(digits) <= _MAX_DIGITS:
                return int(digits)
            kind, message = "int_parsing_size", _TOO_LARGE
        else:
            kind, message = "int_parsing", f"{message}, unable to parse string as an integer"
    elif isinstance(value, float):
        if math.isfinite(value):
            if value.is_integer():
                return int(value)
            kind, message = "int_from_float", f"{message}, got a number with a fractional part"
        else:
            kind, message = "finite_number", _NOT_FINITE
    problems.append(make_problem(kind, loc, message, value))
    return None


def read_float(value: Any, loc: Loc, problems: list[Problem]) -> Any:
    """Convert a finite number, also as text."""
    kind, message = "float_type", "Input should be a valid number"
    if isinstance(value, bool | int | float | str):
        try:
            number = float(value)
        except ValueError:
            kind, message = "float_parsing", f"{message}, unable to parse string as a number"
        except OverflowError:
            kind, message = "finite_number", _NOT_FINITE
        else:
            if math.isfinite(number):
                return number
            kind, message = "finite_number", _NOT_FINITE
    problems.append(make_problem(kind, loc, message, value))
    return None


_TRUE = frozenset({"true", "1", "yes", "on", "t", "y"})
_FALSE = frozenset({"false", "0", "no", "off", "f", "n"})


def read_bool(value: Any, loc: Loc, problems: list[Problem]) -> Any:
    """Convert a boolean, also as 0 or 1 or as a word such as `yes` or `off`."""
    if isinstance(value, bool):
        return value
    kind, message = "bool_type", "Input should be a valid boolean"
    if isinstance(value, str):
        text = value.lower()
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
    elif isinstance(value, int | float) and value in (0, 1):
        return value == 1
    if isinstance(value, str | int) or (isinstance(value, float) and value.is_integer()):
        kind, message = "bool_parsing", f"{message}, unable to interpret input"
    problems.append(make_problem(kind, loc, message, value))
    return None


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATETIME_START = re.compile(r"(\d{4})-(\d{2})-(\d{2})[Tt _]\d{2}:\d{2}")


def _describe_date_error(text: str) -> str:
    """Return why a text is neither a date nor a time, in the words of pydantic's parser."""
    if len(text) < 10:
        return "input is too short"
    for start, end, name in ((0, 4, "year"), (5, 7, "month"), (8, 10, "day")):
        if not (text[start:end].isascii() and text[start:end].isdigit()):
            return f"invalid character in {name}"
        if start and text[start - 1] != "-":
            return "invalid date separator, expected `-`"
    if not 1 <= int(text[5:7]) <= 12:
        return "month value is outside expected range of 1-12"
    try:
        datetime.date.fromisoformat(text[:10])
    except ValueError:
        return "day value is outside expected range"
    if len(text) == 10:
        return "input is too short"
    if text[10] not in "Tt _":
        return "invalid datetime separator, expected `T`, `t`, `_` or space"
    return "input is too short" if len(text) < 16 else "unexpected extra characters at the end of the input"


#: Numbers beyond this are milliseconds since 1970, others seconds.
_LARGEST_SECONDS = 20_000_000_000
_INEXACT = "Datetimes provided to dates should have zero time - e.g. be exact dates"


_NUMBER = re.compile(r"[+-]?\d{1,18}(?:\.\d*)?")


def _parse_number(value: Any) -> float | None:
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _convert_number(number: float) -> datetime.date | str:
    """Return the day that begins at this time, or why there is no such day."""
    if math.isnan(number):
        return "NaN values not permitted"
    seconds = number / 1000 if abs(number) > _LARGEST_SECONDS else number
    try:
        days, remainder = divmod(seconds, 86400)
        day = datetime.date(1970, 1, 1) + datetime.timedelta(days)
    except (OverflowError, ValueError):
        return f"dates {'after 9999' if number > 0 else 'before 0000'} are not supported as unix timestamps"
    return _INEXACT if remainder else day


def _convert_text(text: str) -> datetime.date | str:
    """Return the day that a text gives, or why it gives none."""
    try:
        if _DATE.fullmatch(text):
            return datetime.date.fromisoformat(text)
        if _DATETIME_START.match(text):
            moment = datetime.datetime.fromisoformat(text[:10] + "T" + text[11:])
            return _INEXACT if moment.time() != datetime.time() else moment.date()
    except ValueError:
        pass
    return _describe_date_error(text)


def read_date(value: Any, loc: Loc, problems: list[Problem]) -> Any:
    """Convert a date, or a time that is midnight, given as text or as a number, to `YYYY-MM-DD`."""
    number = _parse_number(value)
    if number is not None:
        result = _convert_number(number)
    elif isinstance(value, str):
        result = _convert_text(value.strip())
    else:
        problems.append(make_problem("date_type", loc, "Input should be a valid date", value))
        return None
    if isinstance(result, datetime.date):
        return result.isoformat()
    if result is _INEXACT:
        problems.append(make_problem("date_from_datetime_inexact", loc, _INEXACT, value))
    else:
        message = f"Input should be a valid date or datetime, {result}"
        problems.append(make_problem("date_from_datetime_parsing", loc, message, value, {"error": result}))
    return None


def make_literal_reader(choices: tuple[Any, ...]) -> Reader:
    """Return a reader of a Literal: it accepts these values, of the same type."""
    values = [repr(choice) for choice in choices]
    expected = values[0] if len(values) == 1 else ", ".join(values[:-1]) + " or " + values[-1]

    def read(value: Any, loc: Loc, problems: list[Problem]) -> Any:
        for choice in choices:
            if type(choice) is type(value) and choice == value:
                return value
        problems.append(
            make_problem("literal_error", loc, f"Input should be {expected}", value, {"expected": expected})
        )
        return None

    return read


READERS: dict[Any, Reader] = {
    str: read_str,
    int: read_int,
    float: read_float,
    bool: read_bool,
    datetime.date: read_date,
}
