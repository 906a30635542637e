"""Values with texts of megabytes, encoded as JSON in slices: encoding such a text is one call, which holds the loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from secrets import token_hex
from typing import Any

import msgspec

from fastback.kit.pacing import let_others_run

#: Characters of a text, or bytes of JSON, that one call encodes.
_SLICE_SIZE = 128 * 1024

Encode = Callable[[Any], bytes]


def encode_slices(value: Any, encode: Encode = msgspec.json.encode) -> Iterator[bytes]:
    """Yield the JSON of a value, in slices where texts in it are long; `encode` encodes what is short."""
    texts: list[str | msgspec.Raw] = []
    mark = token_hex(16)
    marked = _mark_long_texts(value, mark, texts)
    if not texts:
        yield encode(value)
        return
    parts = encode(marked).split(b'"%b"' % mark.encode())
    for part, text in zip(parts, [*texts, None], strict=True):
        yield part
        if isinstance(text, str):
            yield b'"'
            for start in range(0, len(text), _SLICE_SIZE):
                yield encode(text[start : start + _SLICE_SIZE])[1:-1]
            yield b'"'
        elif text is not None:
            view = memoryview(text)
            for start in range(0, len(view), _SLICE_SIZE):
                yield bytes(view[start : start + _SLICE_SIZE])


async def encode_in_slices(value: Any) -> list[bytes]:
    """Return the JSON of a value in slices, between which the event loop runs."""
    slices: list[bytes] = []
    for part in encode_slices(value):
        slices.append(part)
        await let_others_run()
    return slices


def _mark_long_texts(value: Any, mark: str, texts: list[str | msgspec.Raw]) -> Any:
    """Return the value with the mark in the place of its long texts and encoded JSON, which are added to `texts`."""
    if isinstance(value, str):
        if len(value) <= _SLICE_SIZE:
            return value
    elif isinstance(value, dict):
        return {key: _mark_long_texts(member, mark, texts) for key, member in value.items()}
    elif isinstance(value, list):
        return [_mark_long_texts(member, mark, texts) for member in value]
    elif not isinstance(value, msgspec.Raw) or len(memoryview(value)) <= _SLICE_SIZE:
        return value
    texts.append(value)
    return mark


def clear_long_texts(value: Any) -> Any:
    """Return a value with empty texts in the place of long ones."""
    return _mark_long_texts(value, "", [])


def has_long_text(value: Any) -> bool:
    """Return whether a value has a text that is encoded in slices."""
    if isinstance(value, str):
        return len(value) > _SLICE_SIZE
    if isinstance(value, dict):
        return any(map(has_long_text, value.values()))
    return isinstance(value, list) and any(map(has_long_text, value))
