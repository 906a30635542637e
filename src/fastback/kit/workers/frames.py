"""Messages between server and worker: MessagePack, each after its length (four bytes, big-endian)."""

from __future__ import annotations

import struct
from typing import Any

import msgspec

HEAD = struct.Struct(">I")

decode = msgspec.msgpack.Decoder().decode
_encode_into = msgspec.msgpack.Encoder().encode_into


def encode_frame(message: Any) -> bytearray:
    """Return a message with its length, encoded into one buffer, so that a large message is not copied again."""
    content = bytearray(HEAD.size)
    _encode_into(message, content, HEAD.size)
    HEAD.pack_into(content, 0, len(content) - HEAD.size)
    return content
