"""How server and worker talk: MessagePack, each message behind its length (four bytes, big-endian)."""

from __future__ import annotations

import struct
from typing import Any

import msgspec

HEAD = struct.Struct(">I")

decode = msgspec.msgpack.Decoder().decode
_encode = msgspec.msgpack.Encoder().encode


def frame(message: Any) -> bytes:
    """A message as it goes through a pipe."""
    content = _encode(message)
    return HEAD.pack(len(content)) + content
