"""Convert what a database returns to the values of `tables`, whichever engine and program wrote it.

SQLite stores what it gets: a column of integers may have a float, one of JSON a number, as its type `JSON` has numeric
affinity.
"""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Callable
from typing import Any

import msgspec

from fastback.kit.db.errors import InvalidValueError
from fastback.kit.db.table_copy.tables import Column, Row, Table

_TRUE, _FALSE = frozenset({"1", "true", "t", "yes", "on"}), frozenset({"0", "false", "f", "no", "off", ""})
_INTEGERS = range(-(2**63), 2**63)
#: Escapes in JSON: a pair of surrogates, another code, or another character.
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u([0-9a-fA-F]{4})|.)", re.DOTALL)


def _read_text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    text = value if isinstance(value, str) else str(value)
    return text.replace("\0", "") if "\0" in text else text


def _read_integer(value: Any) -> int:
    number = int(value) if not isinstance(value, str) else int(float(value)) if "." in value else int(value)
    if number not in _INTEGERS:
        raise ValueError("beyond 64 bits")
    return number


def _read_boolean(value: Any) -> bool:
    if isinstance(value, str):
        word = value.strip().lower()
        if word not in _TRUE | _FALSE:
            raise ValueError("neither true nor false")
        return word in _TRUE
    return bool(value)


def _read_json(value: Any) -> str:
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else "null"
    return _read_text(value)


def _read_date(value: Any) -> str:
    if isinstance(value, str):
        return datetime.date.fromisoformat(value[:10]).isoformat()
    return str(value.isoformat())


def _read_timestamp(value: Any) -> str:
    if isinstance(value, str):
        value = datetime.datetime.fromisoformat(value)
    elif isinstance(value, (int, float)):
        value = datetime.datetime.fromtimestamp(value, datetime.UTC)
    return str(value.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds"))


_READERS: dict[str, Callable[[Any], Any]] = {
    "text": _read_text,
    "integer": _read_integer,
    "boolean": _read_boolean,
    "json": _read_json,
    "date": _read_date,
    "timestamp": _read_timestamp,
}
#: Types whose values are returned as they are.
_FINAL_TYPES = {"integer": int, "boolean": bool}


def read_row(table: Table, values: Row) -> Row:
    """Return the row of these values.

    Raises:
        InvalidValueError: a value does not fit its column.
    """
    return tuple(
        [
            value
            if value is None or type(value) is _FINAL_TYPES.get(column.kind)
            else _read_value(table, column, values, value)
            for column, value in zip(table.columns, values, strict=True)
        ]
    )


def _read_value(table: Table, column: Column, values: Row, value: Any) -> Any:
    try:
        return _READERS[column.kind](value)
    except (ValueError, OverflowError, TypeError, AttributeError) as error:
        raise InvalidValueError(
            f"{table.name}: {column.name} of the row {describe_key(table, values)} is no {column.kind}: {error}"
        ) from error


def describe_key(table: Table, row: Row) -> str:
    """Return the primary key of a row as text."""
    values = dict(zip(table.column_names, row, strict=True))
    return ", ".join(repr(values[name])[:80] for name in table.key if name in values)


def repair_json(text: str) -> str:
    """Return a text that is JSON by the standard, and whose strings PostgreSQL can read.

    What Python alone writes (`NaN`) becomes null, and a text that is not JSON at all becomes a string of it. Escaped
    NUL characters are removed; half of a surrogate pair becomes U+FFFD.
    """
    if "\\u" in text and ("\\u0000" in text or "\\ud" in text or "\\uD" in text):
        text = _ESCAPE.sub(_replace_escape, text)
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
        return text
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        return json.dumps(json.loads(text, parse_constant=lambda _name: None))
    except (ValueError, RecursionError):
        return json.dumps(text)


def _replace_escape(match: re.Match[str]) -> str:
    code = match[1]
    if code == "0000":
        return ""
    return "\\ufffd" if code is not None and code[0] in "dD" and code[1] in "89abcdefABCDEF" else match[0]
