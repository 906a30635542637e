"""Parsers for the text of variables; each variable follows the rule that Open WebUI has for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec


class Reader(NamedTuple):
    """A format of variables. `parse` raises ValueError for an invalid text (`msgspec.DecodeError` is a ValueError)."""

    parse: Callable[[str], Any]
    #: The format in a few words, for the documentation and for log lines.
    about: str
    #: Whether an empty variable is parsed; otherwise it counts as unset.
    empty: bool = False


def flag(text: str) -> bool:
    """Return whether a text is `true`, in any case of letters; every other text is false."""
    return text.lower() == "true"


def _positive(text: str) -> int:
    value = int(text)
    if value <= 0:
        raise ValueError("0 or less")
    return value


def _object(text: str) -> dict[str, Any]:
    found = msgspec.json.decode(text)
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found


def _list(text: str) -> list[Any]:
    found = msgspec.json.decode(text)
    if not isinstance(found, list):
        raise ValueError("no JSON list")
    return found


def between(least: int, most: int) -> Reader:
    """Return a parser of whole numbers that moves numbers outside the range to its nearest end."""
    return Reader(lambda text: min(most, max(least, int(text))), f"a whole number, {least} to {most}")


def typed(kind: Any, about: str) -> Reader:
    """Return a parser of JSON with a type that msgspec validates, such as `list[dict[str, Any]]`."""
    return Reader(msgspec.json.Decoder(kind).decode, about)


TEXT = Reader(str, "text", empty=True)
LOWER = Reader(str.lower, "text", empty=True)
FLAG = Reader(flag, "`true` or `false`", empty=True)
WHOLE = Reader(int, "a whole number")
POSITIVE = Reader(_positive, "a whole number above 0")
NUMBER = Reader(float, "a number")
OBJECT = Reader(_object, "a JSON object")
LIST = Reader(_list, "a JSON list")
JSON = Reader(msgspec.json.decode, "JSON")
#: Items separated by commas; empty items are removed.
COMMAS = Reader(
    lambda text: [item.strip() for item in text.split(",") if item.strip()], "items separated by `,`", empty=True
)
#: Items separated by commas, with spaces and empty items.
RAW_COMMAS = Reader(lambda text: text.split(","), "items separated by `,`", empty=True)
