"""Spreadsheets of old and new formats (.xlsx, .xlsb, .xls, .ods): sheet by sheet, each row in one line."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import python_calamine as calamine

from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction.formats import archive
from fastback.retrieval.extraction.formats.document_flow import format_row
from fastback.retrieval.extraction.formats.reader import (
    MAX_TEXT,
    ExtractedText,
    SourceFile,
    too_much_text,
    unreadable_file,
)


def _format_cell(value: object) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, dt.datetime):
        is_date = value.time() == dt.time(0)
        return value.date().isoformat() if is_date else value.isoformat(" ", "seconds")
    return str(value)


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield one document with all sheets."""
    archive.check_archive_size(source)
    texts: list[str] = []
    size = 0
    try:
        with calamine.CalamineWorkbook.from_path(source.path) as book:
            for name in book.sheet_names:
                lines = [f"Sheet: {name}"]
                for cells in book.get_sheet_by_name(name).iter_rows():
                    if line := format_row([_format_cell(cell) for cell in cells]):
                        lines.append(line)
                        size += len(line)
                        if size > MAX_TEXT:
                            raise too_much_text()
                texts.append("\n".join(lines))
    except calamine.PasswordError:
        raise JobFailed("This spreadsheet is protected by a password. Upload it without one.") from None
    except calamine.CalamineError as error:
        raise unreadable_file("a spreadsheet", error) from None
    yield "\n\n".join(texts), source.metadata
