"""The JSON columns of calendars and events: limited in size, and changed by adding keys."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.http import Invalid
from fastback.kit.storable_text import encode_json

#: Bytes of the JSON in one column.
MAX_BYTES = 65_536
NULL_JSON = msgspec.Raw(b"null")


def encode_field(name: str, value: Any) -> str:
    """Return the JSON of a field of a request.

    Raises:
        Invalid: it is too long.
    """
    text = encode_json(value)
    if len(text.encode()) > MAX_BYTES:
        message = f"Value error, `{name}` has more than {MAX_BYTES} bytes"
        raise Invalid.at(["body", name], message, value=None)
    return text


def merge_field(name: str, stored: msgspec.Raw, change: dict[str, Any] | msgspec.UnsetType | None) -> str:
    """Return the JSON of a stored object with the keys of a change added.

    Raises:
        Invalid: the result is too long.
    """
    if not change:
        return bytes(stored).decode()
    current = msgspec.json.decode(stored)
    return encode_field(name, {**(current if isinstance(current, dict) else {}), **change})
