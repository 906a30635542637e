"""Base64 of megabytes, in slices: one call for all of it holds the event loop, also from another thread."""

from __future__ import annotations

import base64
import binascii

from fastback.kit.pacing import let_others_run

#: Bytes that one call encodes, a multiple of three, and characters that one call decodes, a multiple of four.
_ENCODED, _DECODED = 768 * 1024, 1024 * 1024
_BLANKS = {ord(mark): None for mark in " \t\r\n"}


async def encode_base64(content: bytes) -> str:
    """Return the base64 of some bytes."""
    parts: list[str] = []
    for start in range(0, len(content), _ENCODED):
        parts.append(binascii.b2a_base64(content[start : start + _ENCODED], newline=False).decode("ascii"))
        await let_others_run()
    return "".join(parts)


async def decode_base64(text: str) -> bytes:
    """Return the bytes of base64, which may have blanks in it.

    Raises:
        binascii.Error: it is invalid. ValueError: it has characters beyond ASCII.
    """
    content = bytearray()
    rest = ""
    for start in range(0, len(text), _DECODED):
        part = text[start : start + _DECODED]
        if any(mark in part for mark in " \t\r\n"):
            part = part.translate(_BLANKS)
        part = rest + part
        is_last = start + _DECODED >= len(text)
        end = len(part) if is_last else len(part) // 4 * 4
        content += base64.b64decode(part[:end])
        rest = part[end:]
        await let_others_run()
    return bytes(content)
