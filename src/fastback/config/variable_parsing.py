"""How the text of a variable is read; the rules are those of Open WebUI, variable by variable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec


class Reader(NamedTuple):
    """`parse` raises ValueError for a text that makes no sense (`msgspec.DecodeError` is one)."""

    parse: Callable[[str], Any]
    about: str
    #: Whether a variable that is there but empty says something; if not, it counts as unset.
    empty: bool = False


def flag(text: str) -> bool:
    """Nothing but `true` switches on."""
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
    """A whole number, drawn into a range."""
    return Reader(lambda text: min(most, max(least, int(text))), f"a whole number, {least} to {most}")


def typed(kind: Any, about: str) -> Reader:
    """JSON of a type that msgspec knows, such as `list[dict[str, Any]]`."""
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
#: Items between commas, none of them empty.
COMMAS = Reader(
    lambda text: [item.strip() for item in text.split(",") if item.strip()], "items separated by `,`", empty=True
)
#: Items between commas, as they are.
RAW_COMMAS = Reader(lambda text: text.split(","), "items separated by `,`", empty=True)
#: Items between semicolons; an empty one holds its place, because the items of two lists belong together.
SEMICOLONS = Reader(lambda text: [item.strip() for item in text.split(";")], "items separated by `;`")
