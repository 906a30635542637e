"""Texts of cells' values, and names of cells."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

#: Programs for spreadsheets calculate and show 15 digits.
_NUMBER = "%.15g"

#: Returns the text of a number.
NumberFormatter = Callable[[float], str]


def format_number(number: float) -> str:
    """Return the text of a number."""
    return _NUMBER % (number or 0.0)  # zero has no sign


def _format_numbers(numbers: Sequence[object]) -> list[str]:
    """Return the texts of numbers, all in one call."""
    texts = ("\n".join([_NUMBER] * len(numbers)) % tuple(numbers)).split("\n")
    return texts if "-0" not in texts else [text if text != "-0" else "0" for text in texts]


def _format_time(value: dt.datetime) -> str:
    text = value.isoformat(" ", "seconds")
    return text if value.microsecond else text.removesuffix(" 00:00:00")


def _format_times(values: Sequence[Any]) -> list[str]:
    """Return the texts of times, most of them without fractions of a second."""
    texts = "\n".join(map(dt.datetime.isoformat, values))
    if "." in texts:
        return list(map(_format_time, values))
    return f"{texts}\n".replace("T00:00:00\n", "\n").replace("T", " ").splitlines()


_FORMATTERS: dict[type, Callable[[Any], str]] = {
    bool: lambda value: "TRUE" if value else "FALSE",
    float: format_number,
    dt.datetime: _format_time,
    dt.time: lambda value: value.isoformat("seconds"),
}


def is_normal(text: str) -> bool:
    """Return whether all white space of a text is single spaces within it."""
    return text.isprintable() and "  " not in f" {text} "


def _normalize_texts(texts: Sequence[str]) -> Sequence[str]:
    """Return texts with single spaces for all white space."""
    return texts if is_normal(" | ".join(filter(None, texts))) else [" ".join(text.split()) for text in texts]


#: Formatters of many values of the same type.
_COLUMN_FORMATTERS: dict[type, Callable[[Sequence[Any]], Sequence[str]]] = {
    str: _normalize_texts,
    float: _format_numbers,
    dt.datetime: _format_times,
}


def format_cell(value: object) -> str:
    """Return the text of a cell's value."""
    return _FORMATTERS.get(type(value), str)(value)


def format_column(values: Sequence[object], integer_formatter: NumberFormatter | None = None) -> Sequence[str]:
    """Return the texts of the values of a column, most of which are of the same type; with normal white space."""
    if integer_formatter is not None:
        values = [integer_formatter(value) if type(value) is int else value for value in values]
    kind, *other_kinds = set(map(type, values))
    if not other_kinds and kind in _COLUMN_FORMATTERS:
        return _COLUMN_FORMATTERS[kind](values)
    get_formatter = _FORMATTERS.get
    return _normalize_texts([get_formatter(type(value), str)(value) for value in values])


def format_reference(row: int, column: int) -> str:
    """Return the name of a cell, such as `AB12`; row and column count from 0."""
    letters = ""
    column += 1
    while column > 0:
        column, letter = divmod(column - 1, 26)
        letters = chr(65 + letter) + letters
    return f"{letters}{row + 1}"
