"""JSON as model servers send it, where strict decoding refuses it.

Accepted are bytes that are no UTF-8, halves of surrogate pairs, control characters inside of texts, `NaN`, numbers of
any length, and a byte order mark.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from fastback.kit import json_decoding

#: Digits of a whole number that stays one; a longer number becomes a float.
_MAX_DIGITS = 19


def _parse_integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)


_decoder = json.JSONDecoder(strict=False, parse_int=_parse_integer, parse_constant=lambda _: None)


def decode_mended(content: bytes) -> Any:
    """Decode JSON that goes on elsewhere: strictly, or leniently with its surrogates mended.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        return json_decoding.decode_json(content)
    except msgspec.DecodeError:
        pass
    try:
        return mend_value(decode_leniently(content))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def decode_leniently(content: bytes) -> Any:
    """Decode JSON. `NaN` and infinities become None; halves of surrogate pairs stay, see `mend_surrogates`.

    Raises:
        ValueError: it is not JSON even so, or nested too deeply.
    """
    try:
        return _decoder.decode(content.decode("utf-8", "replace").strip("\ufeff \t\r\n\x00"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def mend_surrogates(text: str) -> str:
    """Join halves of surrogate pairs that meet; replace lone ones by U+FFFD: no text that goes out may hold them."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class SurrogateJoiner:
    """Join texts that come in fragments, where a server cuts between the halves of a surrogate pair."""

    def __init__(self) -> None:
        #: First halves, by the text that they end; the second half begins the next fragment.
        self.halves: dict[str, str] = {}

    def join(self, key: str, fragment: str) -> str:
        """Return a fragment of the text `key`, mended; a half at its end waits for the next fragment."""
        text = self.halves.pop(key, "") + fragment
        if text and "\ud800" <= text[-1] <= "\udbff":
            self.halves[key] = text[-1]
            text = text[:-1]
        return mend_surrogates(text)


def mend_value(value: Any) -> Any:
    """Return a decoded value with the surrogates in its texts mended, at any depth."""
    if isinstance(value, str):
        return mend_surrogates(value)
    if isinstance(value, list):
        return [mend_value(element) for element in value]
    if isinstance(value, dict):
        return {mend_surrogates(key): mend_value(element) for key, element in value.items()}
    return value
