"""Spreadsheets of the binary format, used before 2007 (.xls).

calamine reads large workbooks whose cells are close together; this reader all others, cell by cell in the order of the
file, so that empty cells cost nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress

from fastback.retrieval.extraction.formats import compound_file
from fastback.retrieval.extraction.formats.calamine_workbook import UnreadableWorkbook, read_sheets
from fastback.retrieval.extraction.formats.reader import ExtractedText, SourceFile, unreadable_file
from fastback.retrieval.extraction.formats.sheet_extent import UnmeasurableSheet, fits_rectangles
from fastback.retrieval.extraction.formats.sheet_text import WorkbookText
from fastback.retrieval.extraction.formats.xls_extent import XlsExtent
from fastback.retrieval.extraction.formats.xls_rows import XlsRows
from fastback.retrieval.extraction.formats.xls_sheet import XlsSheet
from fastback.retrieval.extraction.formats.xls_workbook import CHART_SHEET, WORKSHEET, XlsWorkbook

#: Cells of a workbook that this reader reads as fast as calamine opens it.
_FEW_CELLS = 1000


def _list_dense_notes(workbook: XlsWorkbook) -> dict[str, list[str]] | None:
    """Return what is beside the cells of each sheet; None where calamine should not, or cannot, read the cells."""
    if workbook.encoding or not workbook.has_usual_formats or any(sheet.kind != WORKSHEET for sheet in workbook.sheets):
        return None
    notes: dict[str, list[str]] = {}
    extents = []
    try:
        for sheet in workbook.sheets:
            cells = XlsExtent(workbook.data)
            reader = XlsSheet(workbook, sheet, cells)
            reader.read_records()
            extents.append(cells.extent)
            if reader.has_charts or sheet.name in notes or not fits_rectangles(extents):
                return None
            notes[sheet.name] = reader.list_notes()
    except (UnmeasurableSheet, struct.error):
        return None
    return notes if sum(extent.cells for extent in extents) > _FEW_CELLS else None


def _read_sheets(workbook: XlsWorkbook) -> WorkbookText:
    """Return the text of a workbook. What can be read of a damaged sheet is kept, unless all are damaged."""
    text = WorkbookText()
    failure: struct.error | None = None
    for sheet in workbook.sheets:
        if sheet.kind == WORKSHEET:
            text.begin_sheet(sheet.name)
        elif sheet.kind != CHART_SHEET:
            continue
        reader = XlsSheet(workbook, sheet, XlsRows(workbook, text))
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
        workbook = XlsWorkbook(data)
        del data
        text: WorkbookText | None = None
        notes = _list_dense_notes(workbook)
        if notes is not None:
            with suppress(UnreadableWorkbook):
                text = read_sheets(source, "xls", notes)
        text = text or _read_sheets(workbook)
        del workbook  # the text is joined in its place
    except struct.error as error:
        raise unreadable_file("a spreadsheet", "it is damaged.") from error
    yield text.join_sheets(), source.metadata
