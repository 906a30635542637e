"""Texts as JSON writes them, with escapes: cut them where they may be cut, and decode long ones in slices."""

from __future__ import annotations

import json
from typing import Protocol

import msgspec

from fastback.kit.pacing import let_others_run
from fastback.kit.storable_text import remove_nul_escapes, remove_unstorable

#: Bytes that one call decodes, and how far from there a cut is looked for.
_SLICE_SIZE = 128 * 1024
#: Bytes of a pair of surrogates.
_MAX_PAIR = 12


class Content(Protocol):
    """The bytes of a text: as one, or in parts of which a slice is joined."""

    def __len__(self) -> int: ...

    def __getitem__(self, key: slice, /) -> bytes: ...


def hide_escapes(text: bytes) -> bytes:
    """Return an escaped text, of the same length, in which each quote ends it and each backslash begins an escape."""
    if b"\\" not in text:
        return text  # found out much faster than replaced
    return text.replace(rb"\\", b"__").replace(rb"\"", b"__")


def find_cut(text: bytes, stop: int) -> int:
    """Return the last place up to `stop` at which an escaped text may be cut."""
    # Only the end is looked at, from where no backslash precedes it.
    start = len(text[: max(stop - _MAX_PAIR, 0)].rstrip(b"\\"))
    plain = hide_escapes(text[start:stop])
    escape = plain.rfind(b"\\", max(len(plain) - 6, 0))
    if escape >= 0:
        length = 6 if plain[escape + 1 : escape + 2] == b"u" else 2
        if start + escape + length > stop:
            stop = start + escape
    plain = plain[: stop - start]
    if plain[-6:-3].lower() == rb"\ud" and plain[-3:-2].lower() in b"89ab":
        return stop - 6  # the second half of the pair may follow
    for position in range(stop - 1, max(stop - 4, 0) - 1, -1):
        byte = text[position]
        if byte < 0x80:
            break
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return stop if position + length <= stop else position
    return stop


async def decode_escaped(content: Content, start: int, stop: int, *, without_nul: bool) -> list[str]:
    """Decode a part of a text that begins and ends between two characters to slices, between which the event loop runs.

    Halves of surrogate pairs are left out.

    Raises:
        ValueError: it is invalid.
    """
    parts: list[str] = []
    while start < stop:
        part = content[start : min(start + _SLICE_SIZE, stop)]
        if start + len(part) < stop:
            part = part[: find_cut(part, len(part))] or part
        start += len(part)
        parts.append(_decode(remove_nul_escapes(part) if without_nul else part))
        await let_others_run()
    return parts


def _decode(part: bytes) -> str:
    try:
        return msgspec.json.decode(b'"%b"' % part, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return remove_unstorable(str(json.loads(b'"%b"' % part)))
