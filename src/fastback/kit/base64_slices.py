"""Base64 of megabytes, in slices: one call for all of it holds the event loop, also from another thread."""

from __future__ import annotations

import base64
import binascii

from fastback.kit.fragment_lists import free_fragments, join_fragments
from fastback.kit.pacing import let_others_run

#: Bytes that one call encodes, a multiple of three, and characters that one call decodes, a multiple of four.
_ENCODED, _DECODED = 192 * 1024, 256 * 1024
_BLANKS = {ord(mark): None for mark in " \t\r\n"}


async def encode_base64(content: bytes) -> str:
    """Return the base64 of some bytes."""
    parts: list[str] = []
    for start in range(0, len(content), _ENCODED):
        parts.append(binascii.b2a_base64(content[start : start + _ENCODED], newline=False).decode("ascii"))
        await let_others_run()
    text = "".join(parts)
    await free_fragments(parts)
    return text


async def decode_base64(text: str, start: int = 0) -> bytes:
    """Return the bytes of base64, which begins at `start`, and may have blanks in it.

    Raises:
        binascii.Error: it is invalid. ValueError: it has characters beyond ASCII.
    """
    parts: list[bytes] = []
    rest = ""
    for position in range(start, len(text), _DECODED):
        part = text[position : position + _DECODED]
        if any(mark in part for mark in " \t\r\n"):
            part = part.translate(_BLANKS)
        part = rest + part
        is_last = position + _DECODED >= len(text)
        end = len(part) if is_last else len(part) // 4 * 4
        parts.append(base64.b64decode(part[:end]))
        rest = part[end:]
        await let_others_run()
    return await join_fragments(parts)
