"""Excel spreadsheets (.xlsx, .xlsm)."""

from __future__ import annotations

from collections.abc import Iterator

from fastback.retrieval.extraction.formats import archive
from fastback.retrieval.extraction.formats.calamine_workbook import read_workbook
from fastback.retrieval.extraction.formats.reader import ExtractedText, SourceFile


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield one document with all sheets."""
    archive.check_archive_size(source)
    yield from read_workbook(source, "xlsx")
