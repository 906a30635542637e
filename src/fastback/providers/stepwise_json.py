"""Large JSON decoded in steps, between which other work goes on: a list of models, embeddings."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from fastback.kit.json_decoding import decode_json

#: Bytes that are decoded in one step: that takes less than 10 ms, whatever they are.
MAX_STEP_BYTES = 64 * 1024
#: Levels of objects and lists that are taken apart; what is large below them is decoded at once.
_MAX_LEVELS = 4

_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode


async def decode_in_steps(content: bytes | msgspec.Raw, levels: int = _MAX_LEVELS) -> Any:
    """Decode JSON.

    Raises:
        msgspec.DecodeError: it is malformed, not in UTF-8, or nested too deeply.
    """
    view = memoryview(content)
    first_character = bytes(view[:MAX_STEP_BYTES]).lstrip()[:1]
    if len(view) <= MAX_STEP_BYTES or levels == 0 or first_character not in (b"{", b"["):
        return decode_json(bytes(view))
    pacer = _Pacer()
    if first_character == b"{":
        fields = decode_json(bytes(view), _decode_fields)
        return {name: await pacer.decode(value, levels) for name, value in fields.items()}
    elements = decode_json(bytes(view), _decode_elements)
    return [await pacer.decode(element, levels) for element in elements]


class _Pacer:
    """Decode values one by one; pause after so many bytes."""

    def __init__(self) -> None:
        self._step_bytes = MAX_STEP_BYTES

    async def decode(self, value: msgspec.Raw, levels: int) -> Any:
        size = memoryview(value).nbytes
        self._step_bytes += size
        if self._step_bytes > MAX_STEP_BYTES:
            self._step_bytes = size
            await asyncio.sleep(0)
        if size > MAX_STEP_BYTES:
            return await decode_in_steps(value, levels - 1)
        return decode_json(bytes(value))
