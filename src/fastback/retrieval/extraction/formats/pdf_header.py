"""Locate the header of a PDF that other bytes precede, such as headers of HTTP or of a print job."""

from __future__ import annotations

HEADER = b"%PDF-"
#: Bytes in which PDFium itself looks for the header.
SEARCHED_BY_PDFIUM = 1024
_SEARCHED = 1 << 20


def find_header(path: str) -> int:
    """Return the position of the header in the first megabyte of a file; -1 where it is missing."""
    with open(path, "rb") as file:
        return file.read(_SEARCHED).find(HEADER)
