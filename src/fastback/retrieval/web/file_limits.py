"""Limits of the files that are read at URLs: those that users name, and those that searches find."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fastback.retrieval.interfaces import Document


class FileLimits(msgspec.Struct, frozen=True):
    """What reading a file may take.

    Attributes:
        seconds: for its download and its extraction.
        max_bytes: the size of the file.
        max_text: the characters of its text, the rest is cut; None for all.
        skipped_types: the beginnings of content types that are not downloaded.
    """

    seconds: float
    max_bytes: int
    max_text: int | None = None
    skipped_types: tuple[str, ...] = ()


#: The limits of a file that a search found: a question waits for it. Half a million characters are
#: two hundred pages, which take seconds to embed.
FOUND_FILE_LIMITS = FileLimits(
    seconds=60.0,
    max_bytes=32 * 1024 * 1024,
    max_text=500_000,
    skipped_types=("image/", "audio/", "video/", "font/"),
)


def cut_documents(documents: Iterable[Document], max_text: int) -> list[Document]:
    """Return the first documents, with `max_text` characters in all."""
    result: list[Document] = []
    for document in documents:
        if max_text <= 0:
            break
        result.append(Document(document.text[:max_text], document.metadata))
        max_text -= len(document.text)
    return result
