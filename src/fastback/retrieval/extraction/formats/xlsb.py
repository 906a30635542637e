"""Spreadsheets in archives of binary parts (.xlsb), cell by cell in the order of the file.

Drawings, charts and threads of comments are parts in XML, as in .xlsx workbooks.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from fastback.retrieval.extraction.formats import archive
from fastback.retrieval.extraction.formats.attached_parts import AttachedParts
from fastback.retrieval.extraction.formats.number_formats import NUMBER, classify_format, convert_serial
from fastback.retrieval.extraction.formats.package_relationships import find_main_part, read_relationships
from fastback.retrieval.extraction.formats.reader import (
    MAX_TEXT,
    ExtractedText,
    SourceFile,
    too_much_text,
    unreadable_file,
)
from fastback.retrieval.extraction.formats.sheet_text import WorkbookText, format_cell
from fastback.retrieval.extraction.formats.xls_cells import decode_short_number
from fastback.retrieval.extraction.formats.xlsb_records import find_string_end, list_records, read_string

_WORKBOOK_PART = "xl/workbook.bin"
_SHEETS_WITHOUT_CELLS = ("chartsheet",)
#: Kinds of records. Kinds of two bytes have their second byte as the higher one.
_ROW, _LAST_CELL = 0, 11
_SHORT_NUMBER, _SHARED_TEXT, _RICH_TEXT = 2, 7, 62
_NUMBERS, _TEXTS, _BOOLEANS = (5, 9), (6, 8), (4, 10)
_SHEET, _WORKBOOK_PROPERTIES, _SHARED_ITEM = 0x019C, 0x0199, 19
_FORMAT, _CELL_FORMAT, _CELL_FORMATS_BEGIN, _CELL_FORMATS_END = 44, 47, 0x04E9, 0x04EA
#: Ids of number formats from which on a workbook defines its own.
_FIRST_OWN_FORMAT = 164


class _Workbook:
    """What the sheets of a workbook refer to. Raises: struct.error, where it is damaged."""

    def __init__(self, zip_archive: archive.Archive) -> None:
        self._archive = zip_archive
        self.is_1904 = False
        self.sheets: list[tuple[str, str]] = []
        self.sheets_without_cells: set[str] = set()
        self.texts: list[str] = []
        self.formats: list[int] = []
        main_part = find_main_part(zip_archive, _WORKBOOK_PART)
        relationships = read_relationships(zip_archive, main_part)
        self._read_sheets(main_part, relationships)
        for kind, part in relationships.values():
            if kind == "sharedStrings" and part in zip_archive.names:
                self._read_shared_texts(part)
            elif kind == "styles" and part in zip_archive.names:
                self._read_styles(part)

    def _read_sheets(self, main_part: str, relationships: dict[str, tuple[str, str]]) -> None:
        with self._archive.open_member(main_part) as stream:
            for record, content in list_records(stream):
                if record == _WORKBOOK_PROPERTIES:
                    self.is_1904 = bool(content[:1] and content[0] & 1)
                elif record == _SHEET:
                    kind, part = relationships.get(read_string(content, 8), ("", ""))
                    if part in self._archive.names:
                        self.sheets.append((read_string(content, find_string_end(content, 8)), part))
                        if kind in _SHEETS_WITHOUT_CELLS:
                            self.sheets_without_cells.add(part)

    def _read_shared_texts(self, part: str) -> None:
        size = 0
        with self._archive.open_member(part) as stream:
            for record, content in list_records(stream):
                if record == _SHARED_ITEM:
                    self.texts.append(read_string(content, 1))
                    size += len(self.texts[-1]) + 10
                    if size > 2 * MAX_TEXT:
                        raise too_much_text()

    def _read_styles(self, part: str) -> None:
        codes: dict[int, str] = {}
        in_cell_formats = False
        with self._archive.open_member(part) as stream:
            for record, content in list_records(stream):
                if record == _FORMAT:
                    codes[struct.unpack_from("<H", content)[0]] = read_string(content, 2)
                elif record in (_CELL_FORMATS_BEGIN, _CELL_FORMATS_END):
                    in_cell_formats = record == _CELL_FORMATS_BEGIN
                elif record == _CELL_FORMAT and in_cell_formats:
                    (format_id,) = struct.unpack_from("<H", content, 2)
                    self.formats.append(classify_format(format_id, codes.get(format_id)))

    def format_number(self, number: float, style: int) -> str:
        """Return the text of a number in a cell format."""
        kind = self.formats[style] if style < len(self.formats) else NUMBER
        return format_cell(number if kind == NUMBER else convert_serial(number, kind, is_1904=self.is_1904))

    def read_value(self, record: int, content: bytes) -> str:
        """Return the text of a cell; empty for an empty cell, an error, or a record that is no cell."""
        if record == _SHARED_TEXT:
            (index,) = struct.unpack_from("<I", content, 8)
            return self.texts[index] if index < len(self.texts) else ""
        if record == _SHORT_NUMBER:
            style, code = struct.unpack_from("<II", content, 4)
            return self.format_number(decode_short_number(code), style & 0xFFFFFF)
        if record in _NUMBERS:
            style, number = struct.unpack_from("<Id", content, 4)
            return self.format_number(number, style & 0xFFFFFF)
        if record in _TEXTS:
            return read_string(content, 8)
        if record in _BOOLEANS:
            return format_cell(content[8:9] == b"\1")
        return read_string(content, 9) if record == _RICH_TEXT else ""


def _add_rows(workbook: _Workbook, zip_archive: archive.Archive, part: str, text: WorkbookText) -> None:
    """Add the rows of a sheet to a text. Raises: struct.error, where it is damaged."""
    cells: list[tuple[int, str]] = []
    with zip_archive.open_member(part) as stream:
        for record, content in list_records(stream):
            if record == _ROW:
                text.add_cells(cells)
                cells = []
            elif (record <= _LAST_CELL or record == _RICH_TEXT) and (value := workbook.read_value(record, content)):
                cells.append((struct.unpack_from("<I", content)[0], value))
    text.add_cells(cells)


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield one document with all sheets."""
    text = WorkbookText()
    try:
        with archive.open_archive(source) as zip_archive:
            workbook = _Workbook(zip_archive)
            attached_parts = AttachedParts(zip_archive)
            for name, part in workbook.sheets:
                notes = attached_parts.read_texts(part)
                if part not in workbook.sheets_without_cells:
                    text.begin_sheet(name)
                    _add_rows(workbook, zip_archive, part, text)
                elif notes:
                    text.begin_sheet(name)
                for note in notes:
                    text.add_note(note)
    except struct.error as error:
        raise unreadable_file("a spreadsheet", "it is damaged.") from error
    yield text.join_sheets(), source.metadata
