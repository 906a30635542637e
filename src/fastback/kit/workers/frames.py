"""How server and worker talk: MessagePack, each message behind its length (four bytes, big-endian)."""

from __future__ import annotations

import struct
from typing import Any

import msgspec

HEAD = struct.Struct(">I")

decode = msgspec.msgpack.Decoder().decode
_encode_into = msgspec.msgpack.Encoder().encode_into


def encode_frame(message: Any) -> bytearray:
    """A message as it goes through a pipe, made in one piece: a large one is there no more often than it must."""
    content = bytearray(HEAD.size)
    _encode_into(message, content, HEAD.size)
    HEAD.pack_into(content, 0, len(content) - HEAD.size)
    return content
