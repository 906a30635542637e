"""Decode JSON that another program wrote."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

from fastback.kit.storable_text import encode_without_surrogates

#: JSON with no more levels than these is decoded at once. For any other JSON so many calls are left over as code may
#: need that decodes or encodes it again: it may be called from a deeper level.
_FEW_LEVELS, _MARGIN = 400, 150


def decode_json(content: bytes | str, decode: Callable[[Any], Any] = msgspec.json.decode) -> Any:
    """Return the value of JSON; `decode` may be the method of a decoder.

    Raises:
        msgspec.DecodeError: it is malformed, not in UTF-8, or nested too deeply.
    """
    try:
        if len(content) <= 2 * _FEW_LEVELS or _count_brackets(content) <= _FEW_LEVELS:
            return decode(content)
        return _decode_at_depth(content, decode, _MARGIN)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(str(error)) from None
    except RecursionError:
        raise msgspec.DecodeError("JSON is nested too deeply") from None


def decode_without_surrogates(content: bytes | str) -> Any:
    """Return the value of JSON; halves of surrogate pairs in its texts are left out.

    JavaScript cuts emoji in two. The reference accepts the halves where a text is not declared, and stores none.

    Raises:
        ValueError: it is malformed, or nested too deeply.
    """
    try:
        return decode_json(content)
    except msgspec.DecodeError:
        return msgspec.json.decode(encode_without_surrogates(decode_json(content, json.loads)))


def _count_brackets(content: bytes | str) -> int:
    if isinstance(content, str):
        return content.count("[") + content.count("{")
    return content.count(b"[") + content.count(b"{")


def _decode_at_depth(content: Any, decode: Callable[[Any], Any], depth: int) -> Any:
    return _decode_at_depth(content, decode, depth - 1) if depth else decode(content)
