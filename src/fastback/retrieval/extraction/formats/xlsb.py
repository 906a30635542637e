"""Spreadsheets in archives of binary parts (.xlsb).

calamine reads large workbooks whose cells are close together; this reader all others, cell by cell in the order of the
file, so that empty cells cost nothing. Drawings, charts and threads of comments are parts in XML, as in .xlsx
workbooks.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress

from fastback.retrieval.extraction.formats import archive
from fastback.retrieval.extraction.formats.attached_parts import AttachedParts
from fastback.retrieval.extraction.formats.calamine_workbook import UnreadableWorkbook, read_sheets
from fastback.retrieval.extraction.formats.cell_text import NumberFormatter
from fastback.retrieval.extraction.formats.reader import ExtractedText, SourceFile, unreadable_file
from fastback.retrieval.extraction.formats.sheet_extent import UnmeasurableSheet, fits_rectangles
from fastback.retrieval.extraction.formats.sheet_text import WorkbookText
from fastback.retrieval.extraction.formats.xlsb_extent import DatesAreIntegers, XlsbExtent
from fastback.retrieval.extraction.formats.xlsb_rows import add_rows
from fastback.retrieval.extraction.formats.xlsb_workbook import XlsbWorkbook

#: Cells of a workbook that this reader reads as fast as calamine opens it.
_FEW_CELLS = 1000
#: Styles of dates that a pattern can have.
_FEW_STYLES = 50
#: Functions that return the texts of integers in a column.
_ColumnFormatters = dict[int, NumberFormatter]


def _measure_sheet(zip_archive: archive.Archive, workbook: XlsbWorkbook, part: str) -> XlsbExtent:
    """Return the extent of a sheet. Raises: UnmeasurableSheet, struct.error."""
    styles = workbook.formats.formatters
    for date_styles in (styles, None) if len(styles) <= _FEW_STYLES else (None,):
        extent = XlsbExtent(date_styles)
        with suppress(DatesAreIntegers), zip_archive.open_member(part) as stream:
            extent.read_records(stream)
            break
    return extent


def _list_formatters(workbook: XlsbWorkbook, extent: XlsbExtent) -> _ColumnFormatters:
    """Return the formatters of the columns with dates that are stored as integers, which calamine does not format.

    Raises: UnmeasurableSheet, where the integers of a column are not all formatted in the same way.
    """
    formatters: dict[int, NumberFormatter | None] = {}
    for column, style in extent.list_integers():
        formatter = workbook.formats.formatters.get(style)
        if formatters.setdefault(column, formatter) != formatter:
            raise UnmeasurableSheet
    return {column: formatter for column, formatter in formatters.items() if formatter is not None}


def _measure_dense_sheets(zip_archive: archive.Archive, workbook: XlsbWorkbook) -> dict[str, _ColumnFormatters] | None:
    """Return the formatters of each sheet; None where calamine should not, or cannot, read the cells."""
    if not workbook.has_only_worksheets or not workbook.has_usual_formats:
        return None
    formatters: dict[str, _ColumnFormatters] = {}
    extents = []
    try:
        for name, part in workbook.sheets:
            extent = _measure_sheet(zip_archive, workbook, part)
            extents.append(extent.extent)
            if name in formatters or not fits_rectangles(extents):
                return None
            formatters[name] = _list_formatters(workbook, extent)
    except (UnmeasurableSheet, struct.error):
        return None
    return formatters if sum(extent.cells for extent in extents) > _FEW_CELLS else None


def _read_sheets(zip_archive: archive.Archive, workbook: XlsbWorkbook, notes: dict[str, list[str]]) -> WorkbookText:
    text = WorkbookText()
    for name, part in workbook.sheets:
        sheet_notes = notes.pop(name, [])
        if part not in workbook.sheets_without_cells:
            text.begin_sheet(name)
            with zip_archive.open_member(part) as stream:
                add_rows(workbook, stream, text)
        elif sheet_notes:
            text.begin_sheet(name)
        for note in sheet_notes:
            text.add_note(note)
    return text


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield one document with all sheets."""
    try:
        with archive.open_archive(source) as zip_archive:
            workbook = XlsbWorkbook(zip_archive)
            attached_parts = AttachedParts(zip_archive)
            notes = {name: attached_parts.read_texts(part) for name, part in workbook.sheets}
            text: WorkbookText | None = None
            formatters = _measure_dense_sheets(zip_archive, workbook)
            if formatters is not None:
                with suppress(UnreadableWorkbook):
                    text = read_sheets(source, "xlsb", notes, formatters)
            text = text or _read_sheets(zip_archive, workbook, notes)
    except struct.error as error:
        raise unreadable_file("a spreadsheet", "it is damaged.") from error
    yield text.join_sheets(), source.metadata
