"""JSON that clients send although no text can hold it: halves of surrogate pairs, as JavaScript cuts emoji in two.

The reference accepts them where a text is not declared, and removes them from what it stores.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec


def encode_without_surrogates(value: Any) -> bytes:
    """Encode a value; halves of surrogate pairs in its texts are left out."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        content = json.dumps(value, ensure_ascii=False).encode("utf-8", "ignore")
        return msgspec.json.encode(json.loads(content))  # the module writes NaN, which is no JSON; msgspec writes null


def decode_leniently(content: str | bytes) -> Any:
    """Decode JSON; halves of surrogate pairs in its texts are left out.

    Raises:
        ValueError: it is no JSON, or too deep.
    """
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    except RecursionError as error:
        raise ValueError("the JSON is too deep") from error
    try:
        return msgspec.json.decode(encode_without_surrogates(json.loads(content)))
    except RecursionError as error:
        raise ValueError("the JSON is too deep") from error
