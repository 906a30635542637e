"""JSON that clients send although no text can hold it: halves of surrogate pairs, as JavaScript cuts emoji in two.

The reference accepts them where a text is not declared, and removes them from what it stores.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from fastback.kit.json_decoding import decode_json
from fastback.kit.storable_text import encode_without_surrogates


def decode_leniently(content: str | bytes) -> Any:
    """Decode JSON; halves of surrogate pairs in its texts are left out.

    Raises:
        ValueError: it is no JSON, or nested too deeply.
    """
    try:
        return decode_json(content)
    except msgspec.DecodeError:
        return msgspec.json.decode(encode_without_surrogates(decode_json(content, json.loads)))
