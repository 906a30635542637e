"""What readers of files get and give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from fastback.kit.workers.errors import JobFailed

Metadata = dict[str, Any]
#: A text with what is known about it.
Piece = tuple[str, Metadata]

#: Most text that one file may give, in characters: what the server is ready to hold at once.
MOST_TEXT = 32_000_000
#: What a document costs besides its text, in characters.
DOCUMENT = 300


class Source(msgspec.Struct, frozen=True):
    """A file to read.

    Attributes:
        extension: what stands behind the last dot of its name, in small letters.
        max_size: bytes that an archive may unpack to.
        pdf_pages: whether a PDF becomes a document a page, or one in all.
        pdf_images: whether pictures in a PDF are read, too.
        ocr: options of the library that reads them, a JSON object.
        csv_summary: whether a table begins with a document about itself.
    """

    path: str
    filename: str
    extension: str = ""
    content_type: str = ""
    max_size: int = 100 * 1024 * 1024
    pdf_pages: bool = True
    pdf_images: bool = False
    ocr: str = ""
    csv_summary: bool = False

    @property
    def size(self) -> int:
        return Path(self.path).stat().st_size

    @property
    def metadata(self) -> Metadata:
        """What every document says."""
        return {"source": self.path}


Reader = Callable[[Source], Iterator[Piece]]


def too_much() -> JobFailed:
    return JobFailed(
        f"This file holds more than {MOST_TEXT // 1_000_000} million characters of text, which is more than can be "
        "taken in at once. Split it into smaller files."
    )


def broken(kind: str, reason: object = "") -> JobFailed:
    """A file that is not what it seems to be."""
    return JobFailed(f"This file cannot be read as {kind}{f': {reason}' if str(reason) else '.'}")
