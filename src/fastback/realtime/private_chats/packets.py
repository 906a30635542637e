"""What a page may send in a private chat: which fields, of which sizes."""

from __future__ import annotations

import binascii
from typing import Any

#: Bytes of one packet, and of all fields of one message.
MAX_PACKET, MAX_MESSAGE = 1024 * 1024, 3 * 1024 * 1024
_MAX_ENCODED = (MAX_PACKET + 2) // 3 * 4
_MAX_CHANNEL_ID, _KEY_BYTES = 128, 32


class Refused(Exception):
    """A message that is not permitted, or not valid; the page learns no more."""


def require(condition: Any) -> None:
    """Check a condition.

    Raises:
        Refused: it is not met.
    """
    if not condition:
        raise Refused


def read_channel_id(data: Any) -> str:
    """Return the channel that a message names.

    Raises:
        Refused: it names none, or is too large.
    """
    require(isinstance(data, dict))
    channel_id = data.get("channel")
    require(isinstance(channel_id, str) and 0 < len(channel_id) <= _MAX_CHANNEL_ID)
    require(measure(data) <= MAX_MESSAGE)
    return str(channel_id)


def measure(data: dict[str, Any]) -> int:
    """Return the characters of a message's fields; fields that are no texts are never read."""
    return sum(len(value) for value in data.values() if isinstance(value, str))


def read_packet(value: Any) -> str:
    """Return a packet, which is Base64 of at most `MAX_PACKET` bytes.

    Raises:
        Refused: it is not.
    """
    require(_decode(value))
    return str(value)


def read_key(value: Any) -> str:
    """Return a public key, which is Base64 of 32 bytes.

    Raises:
        Refused: it is not.
    """
    require(len(_decode(value)) == _KEY_BYTES)
    return str(value)


def _decode(value: Any) -> bytes:
    require(isinstance(value, str) and 0 < len(value) <= _MAX_ENCODED)
    try:
        content = binascii.a2b_base64(value, strict_mode=True)
    except (binascii.Error, ValueError):
        raise Refused from None
    require(len(content) <= MAX_PACKET)
    return content
