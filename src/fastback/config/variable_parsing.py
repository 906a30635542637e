"""Parsers for the text of variables; each variable follows the rule that Open WebUI has for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec


class VariableParser(NamedTuple):
    """A format of variables. `parse` raises ValueError for an invalid text (`msgspec.DecodeError` is a ValueError)."""

    parse: Callable[[str], Any]
    #: The format in a few words, for the documentation and for log lines.
    description: str
    #: Whether an empty variable is parsed; otherwise it counts as unset.
    accepts_empty: bool = False


def parse_flag(text: str) -> bool:
    """Return whether a text is `true`, in any case of letters; every other text is false."""
    return text.lower() == "true"


def _parse_positive(text: str) -> int:
    value = int(text)
    if value <= 0:
        raise ValueError("0 or less")
    return value


def _parse_object(text: str) -> dict[str, Any]:
    value = msgspec.json.decode(text)
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    return value


def _parse_list(text: str) -> list[Any]:
    value = msgspec.json.decode(text)
    if not isinstance(value, list):
        raise ValueError("no JSON list")
    return value


def build_range_parser(minimum: int, maximum: int) -> VariableParser:
    """Return a parser of whole numbers that moves numbers outside the range to its nearest end."""
    return VariableParser(lambda text: min(maximum, max(minimum, int(text))), f"a whole number, {minimum} to {maximum}")


def build_json_parser(json_type: Any, description: str) -> VariableParser:
    """Return a parser of JSON with a type that msgspec validates, such as `list[dict[str, Any]]`."""
    return VariableParser(msgspec.json.Decoder(json_type).decode, description)


TEXT = VariableParser(str, "text", accepts_empty=True)
LOWERCASE_TEXT = VariableParser(str.lower, "text", accepts_empty=True)
FLAG = VariableParser(parse_flag, "`true` or `false`", accepts_empty=True)
INTEGER = VariableParser(int, "a whole number")
POSITIVE_INTEGER = VariableParser(_parse_positive, "a whole number above 0")
NUMBER = VariableParser(float, "a number")
JSON_OBJECT = VariableParser(_parse_object, "a JSON object")
JSON_LIST = VariableParser(_parse_list, "a JSON list")
JSON = VariableParser(msgspec.json.decode, "JSON")
#: Items separated by commas; empty items are removed.
COMMA_SEPARATED = VariableParser(
    lambda text: [item.strip() for item in text.split(",") if item.strip()],
    "items separated by `,`",
    accepts_empty=True,
)
#: Items separated by commas, with spaces and empty items.
RAW_COMMA_SEPARATED = VariableParser(lambda text: text.split(","), "items separated by `,`", accepts_empty=True)
