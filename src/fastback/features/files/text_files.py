"""The text of a file, piece by piece: a large one is looked through without a copy of it, beside the event loop."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from fastback.kit.workers import spool

#: Characters of a piece.
_PIECE = 1 << 18


def encoded(text: str) -> Iterator[bytes]:
    """The text in UTF-8, piece by piece."""
    return (piece.encode("utf-8", "replace") for piece in _pieces(text))


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


def write(path: str | Path, text: str) -> None:
    """Write a text into a file."""
    with open(path, "wb") as sink:
        for piece in encoded(text):
            sink.write(piece)


def document(path: str | Path, documents: str | Path) -> str:
    """Write a spool with one document, whose text stands in a file; the hash of it."""
    found = hashlib.sha256()

    def pieces() -> Iterator[str]:
        with open(path, encoding="utf-8", newline="") as source:
            while piece := source.read(_PIECE):
                found.update(piece.encode())
                yield piece

    spool.write_pieces(documents, {}, pieces())
    return found.hexdigest()


def joined(documents: str | Path, path: str | Path) -> str:
    """Write what the documents of a spool say into a file, as it can be stored, with a space between two; its hash."""
    found = hashlib.sha256()
    before = more = False
    with open(path, "wb") as sink:
        for piece, goes_on in spool.pieces(documents):
            content = (" " if before and not more else "").encode() + storable(piece).encode()
            found.update(content)
            sink.write(content)
            before, more = True, goes_on
    return found.hexdigest()


def size_of(text: str) -> int:
    """Bytes of a text in UTF-8."""
    return sum(map(len, encoded(text)))


def hash_of(text: str) -> str:
    """What a text is known by, its SHA-256: equal texts are not put into one knowledge twice."""
    found = hashlib.sha256()
    for piece in encoded(text):
        found.update(piece)
    return found.hexdigest()
