"""Spreadsheets of any age (.xlsx, .xlsb, .xls, .ods): sheet by sheet, a line a row."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import python_calamine as calamine

from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction.formats import archive
from fastback.retrieval.extraction.formats.document_flow import row
from fastback.retrieval.extraction.formats.reader import MOST_TEXT, Piece, Source, broken, too_much


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, dt.datetime):
        day = value.time() == dt.time(0)
        return value.date().isoformat() if day else value.isoformat(" ", "seconds")
    return str(value)


def read(source: Source) -> Iterator[Piece]:
    archive.check(source)
    texts: list[str] = []
    size = 0
    try:
        with calamine.CalamineWorkbook.from_path(source.path) as book:
            for name in book.sheet_names:
                lines = [f"Sheet: {name}"]
                for cells in book.get_sheet_by_name(name).iter_rows():
                    if line := row([_cell(one) for one in cells]):
                        lines.append(line)
                        size += len(line)
                        if size > MOST_TEXT:
                            raise too_much()
                texts.append("\n".join(lines))
    except calamine.PasswordError:
        raise JobFailed("This spreadsheet is protected by a password. Upload it without one.") from None
    except calamine.CalamineError as error:
        raise broken("a spreadsheet", error) from None
    yield "\n\n".join(texts), source.metadata
