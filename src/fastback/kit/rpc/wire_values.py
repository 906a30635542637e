"""Encode values for the other process: MessagePack, each message after its length (four bytes, big-endian).

What MessagePack cannot hold becomes what comes nearest: foreign code returns any kind of object.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

import msgspec

from fastback.kit.sliced_json import is_large_value

HEAD = struct.Struct(">I")

#: Bytes of one message that are accepted, and of a packed value.
MAX_FRAME_BYTES, MAX_PACKED_BYTES = 64 * 1024 * 1024, 16 * 1024 * 1024
#: The code of packed values among MessagePack's types.
_PACKED = 1
#: Levels of lists and objects inside one another that are kept.
_MAX_DEPTH = 60
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1

decode = msgspec.msgpack.Decoder().decode


def _refuse(value: Any) -> Any:
    raise TypeError(type(value).__name__)


_encoder = msgspec.msgpack.Encoder(enc_hook=_refuse)


def pack_value(value: Any) -> Any:
    """Return a value that is passed on as it is: a large one is packed, so that what passes it on decodes nothing.

    Raises:
        MessageTooLarge: it has more than `MAX_PACKED_BYTES`.
    """
    if not is_large_value(value):
        return value
    content = _encoder.encode(to_plain(value))
    if len(content) > MAX_PACKED_BYTES:
        raise MessageTooLarge(f"a value of {len(content)} bytes is too large")
    return msgspec.msgpack.Ext(_PACKED, content)


def unpack_value(value: Any) -> Any:
    """Return what `pack_value` got."""
    return decode(value.data) if isinstance(value, msgspec.msgpack.Ext) and value.code == _PACKED else value


class MessageTooLarge(ValueError):
    """A message has more bytes than are accepted."""


def encode_frame(message: Any) -> bytearray:
    """Return a message with its length.

    Raises:
        MessageTooLarge: it has more than `MAX_FRAME_BYTES`.
    """
    content = bytearray(HEAD.size)
    try:
        _encoder.encode_into(message, content, HEAD.size)
    except (TypeError, ValueError, OverflowError, RecursionError):
        del content[HEAD.size :]
        _encoder.encode_into(to_plain(message), content, HEAD.size)
    size = len(content) - HEAD.size
    if size > MAX_FRAME_BYTES:
        raise MessageTooLarge(f"a message of {size} bytes is too large")
    HEAD.pack_into(content, 0, size)
    return content


def to_plain(value: Any, *, dump: Callable[[Any], Any] | None = None, _depth: int = 0) -> Any:
    """Return a copy of a value that MessagePack can hold.

    Keys become texts; integers of more than 64 bits, halves of surrogate pairs and what is nested too deeply are
    replaced. Other objects become what `dump` returns for them, else their `str`.
    """
    if value is None or isinstance(value, (bool, float, bytes)):
        return value
    if isinstance(value, int):
        return int(value) if _SMALLEST <= value <= _LARGEST else str(value)
    if isinstance(value, str):
        return _clean_text(value)
    if _depth >= _MAX_DEPTH:
        return None
    if isinstance(value, Mapping):
        return {
            _clean_text(str(key)): to_plain(part, dump=dump, _depth=_depth + 1) for key, part in list(value.items())
        }
    if isinstance(value, (Sequence, Set)) and not isinstance(value, (bytearray, memoryview)):
        return [to_plain(part, dump=dump, _depth=_depth + 1) for part in list(value)]
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, msgspec.Struct):
        return to_plain(msgspec.structs.asdict(value), dump=dump, _depth=_depth + 1)
    dump_model = getattr(value, "model_dump", None)
    if callable(dump_model) and not isinstance(value, type):
        return to_plain(dump_model(), dump=dump, _depth=_depth + 1)
    if dump is not None:
        return to_plain(dump(value), _depth=_depth + 1)
    return _clean_text(str(value))


def _clean_text(text: str) -> str:
    """Return the text as an exact `str` that UTF-8 can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        # Both halves of a pair, as escapes in JSON and in plugins have them, are one character.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return str(text) if type(text) is not str else text
