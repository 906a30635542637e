"""The text of a file, piece by piece: a large one is looked through without a copy of it, beside the event loop."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

#: Characters of a piece.
_PIECE = 1 << 18


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), _PIECE):
        yield text[start : start + _PIECE]


def storable(text: str) -> str:
    """The text without what databases refuse: zero characters and halves of surrogate pairs."""
    try:
        if text.isascii() or all(piece.encode() is not None for piece in _pieces(text)):
            return text.replace("\x00", "") if "\x00" in text else text
    except UnicodeEncodeError:
        pass
    return text.replace("\x00", "").encode("utf-8", "ignore").decode()


def hash_of(text: str) -> str:
    """What a text is known by, its SHA-256: equal texts are not put into one knowledge twice."""
    found = hashlib.sha256()
    for piece in _pieces(text):
        found.update(piece.encode("utf-8", "replace"))
    return found.hexdigest()
