"""Large texts, processed piece by piece in threads, without a second copy in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from fastback.kit.workers import spool

#: Characters per piece.
_PIECE_CHARACTERS = 1 << 18


def encode_pieces(text: str) -> Iterator[bytes]:
    """Yield the text in UTF-8, piece by piece."""
    return (piece.encode("utf-8", "replace") for piece in _split_pieces(text))


def _split_pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), _PIECE_CHARACTERS):
        yield text[start : start + _PIECE_CHARACTERS]


def make_storable(text: str) -> str:
    """Return the text without what databases refuse: zero characters and halves of surrogate pairs."""
    try:
        if text.isascii() or all(piece.encode() is not None for piece in _split_pieces(text)):
            return text.replace("\x00", "") if "\x00" in text else text
    except UnicodeEncodeError:
        pass
    return text.replace("\x00", "").encode("utf-8", "ignore").decode()


def write_text(path: str | Path, text: str) -> None:
    """Write a text to a path, in UTF-8."""
    with open(path, "wb") as sink:
        for piece in encode_pieces(text):
            sink.write(piece)


def write_document_spool(path: str | Path, documents: str | Path) -> str:
    """Write a spool with one document, whose text is read from a path. Return the hash of the text."""
    digest = hashlib.sha256()

    def read_pieces() -> Iterator[str]:
        with open(path, encoding="utf-8", newline="") as source:
            while piece := source.read(_PIECE_CHARACTERS):
                digest.update(piece.encode())
                yield piece

    spool.write_chunks(documents, {}, read_pieces())
    return digest.hexdigest()


def join_spool_texts(documents: str | Path, path: str | Path) -> str:
    """Write the texts of a spool's documents to a path, made storable and separated by a space. Return the hash."""
    digest = hashlib.sha256()
    has_previous = continues = False
    with open(path, "wb") as sink:
        for piece, piece_continues in spool.read_chunks(documents):
            content = (" " if has_previous and not continues else "").encode() + make_storable(piece).encode()
            digest.update(content)
            sink.write(content)
            has_previous, continues = True, piece_continues
    return digest.hexdigest()


def count_bytes(text: str) -> int:
    """Return the size of a text in UTF-8, in bytes."""
    return sum(map(len, encode_pieces(text)))


def hash_text(text: str) -> str:
    """Return the SHA-256 of a text, which identifies it: a knowledge contains equal texts once."""
    digest = hashlib.sha256()
    for piece in encode_pieces(text):
        digest.update(piece)
    return digest.hexdigest()
