"""Spreadsheets of the binary format, used before 2007 (.xls)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from fastback.retrieval.extraction.formats import compound_file
from fastback.retrieval.extraction.formats.reader import ExtractedText, SourceFile, unreadable_file
from fastback.retrieval.extraction.formats.sheet_text import WorkbookText
from fastback.retrieval.extraction.formats.xls_sheet import XlsSheet
from fastback.retrieval.extraction.formats.xls_workbook import CHART_SHEET, WORKSHEET, XlsWorkbook


def _read_workbook(data: bytes) -> WorkbookText:
    """Return the text of a workbook. What can be read of a damaged sheet is kept, unless all are damaged."""
    workbook = XlsWorkbook(data)
    text = WorkbookText()
    failure: struct.error | None = None
    for sheet in workbook.sheets:
        if sheet.kind == WORKSHEET:
            text.begin_sheet(sheet.name)
        elif sheet.kind != CHART_SHEET:
            continue
        reader = XlsSheet(workbook, sheet, text)
        try:
            reader.read_records()
        except struct.error as error:
            failure = error
        notes = reader.list_notes()
        if notes and sheet.kind == CHART_SHEET:
            text.begin_sheet(sheet.name)
        for note in notes:
            text.add_note(note)
    if failure is not None and not text.has_rows:
        raise failure
    return text


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield one document with all sheets."""
    with compound_file.open_compound_file(source) as streams:
        data = streams.read_stream("Workbook") or streams.read_stream("Book")
    try:
        text = _read_workbook(data)
    except struct.error as error:
        raise unreadable_file("a spreadsheet", "it is damaged.") from error
    del data  # the text is joined in its place
    yield text.join_sheets(), source.metadata
