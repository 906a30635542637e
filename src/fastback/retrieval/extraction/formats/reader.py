"""The contract of the format readers: what they get, what they yield, and their errors.

Each module has `read_texts(source: SourceFile) -> Iterator[ExtractedText]`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from fastback.kit.workers.errors import JobFailed

Metadata = dict[str, Any]
#: A text and its metadata.
ExtractedText = tuple[str, Metadata]

#: The longest text of one file, in characters: what the server may hold in memory at once.
MAX_TEXT = 32_000_000
#: What a document costs in memory besides its text, in characters.
DOCUMENT_OVERHEAD = 300


class SourceFile(msgspec.Struct, frozen=True):
    """A file to read.

    Attributes:
        extension: the name's part after the last dot, in lower case.
        max_size: bytes that an archive may unpack to; 0 for no limit.
        pdf_pages: whether each page of a PDF becomes a document; otherwise the PDF becomes one.
        pdf_images: whether the text in images of a PDF is read, too.
        ocr: options of RapidOCR, a JSON object.
        csv_summary: whether a document that summarizes the table precedes the rows.
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
        """Return the size of the file in bytes."""
        return Path(self.path).stat().st_size

    @property
    def metadata(self) -> Metadata:
        """Return the metadata that every document has."""
        return {"source": self.path}


def too_much_text() -> JobFailed:
    """Return the error of a file with too much text."""
    return JobFailed(
        f"This file holds more than {MAX_TEXT // 1_000_000} million characters of text, which is more than can be "
        "taken in at once. Split it into smaller files."
    )


def unreadable_file(kind: str, reason: str = "") -> JobFailed:
    """Return the error of a file that is not of the kind it appears to be.

    Messages of libraries are no reasons for users; raise the result `from` the library's error, which is logged.
    """
    return JobFailed(f"This file cannot be read as {kind}{f': {reason}' if reason else '.'}")
