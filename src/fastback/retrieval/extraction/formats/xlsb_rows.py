"""Rows of .xlsb sheets."""

from __future__ import annotations

import struct
from typing import BinaryIO

from fastback.retrieval.extraction.formats.cell_text import format_cell, format_number
from fastback.retrieval.extraction.formats.sheet_text import WorkbookText
from fastback.retrieval.extraction.formats.xlsb_records import RecordReader, read_string
from fastback.retrieval.extraction.formats.xlsb_workbook import XlsbWorkbook

#: Kinds of records.
_ROW, _LAST_CELL = 0, 11
_SHORT_NUMBER, _SHARED_TEXT, _RICH_TEXT = 2, 7, 62
_NUMBER, _NUMBERS, _TEXTS, _BOOLEANS = 5, (5, 9), (6, 8), (4, 10)
#: The head of a cell's record (its kind, and 8 bits higher its size), column, style, and the beginning of the value.
_CELL = struct.Struct("<HIIi")
_DOUBLE, _COLUMN, _STYLE = struct.Struct("<d"), struct.Struct("<I"), 0xFFFFFF
#: The head of a record whose size takes more than one byte.
_LONG_RECORD = 0x8000
#: Where the value of a cell begins, from its record; and the largest size of the cells that are most frequent.
_VALUE, _CELL_SIZE = 10, 18
#: The heads of frequent cells.
_SHARED_TEXT_HEAD, _SHORT_NUMBER_HEAD, _NUMBER_HEAD = 12 << 8 | _SHARED_TEXT, 12 << 8 | _SHORT_NUMBER, 16 << 8 | _NUMBER


class _RowReader:
    """Add the rows of a sheet to a text. Empty cells cost nothing."""

    def __init__(self, workbook: XlsbWorkbook, text: WorkbookText) -> None:
        self._workbook = workbook
        self._text = text
        self._columns: list[int] = []
        self._texts: list[str] = []

    def read_cells(self, data: bytes, position: int) -> int:
        """Add frequent kinds of cells from a position on; return the position of the first record of another kind.

        Sheets consist of such cells, so this takes most of the time.
        """
        workbook, columns, texts = self._workbook, self._columns, self._texts
        shared_texts, formatters, text_count = workbook.texts, workbook.formats.formatters, len(workbook.texts)
        get_short_number = workbook.short_numbers.get_text
        unpack, last = _CELL.unpack_from, len(data) - _CELL_SIZE
        while position <= last:
            head, column, style, value = unpack(data, position)
            if head == _SHARED_TEXT_HEAD:
                text = shared_texts[value] if 0 <= value < text_count else ""
            elif head == _SHORT_NUMBER_HEAD:
                text = get_short_number(value, style & _STYLE)
            elif head == _NUMBER_HEAD:
                (number,) = _DOUBLE.unpack_from(data, position + _VALUE)
                text = formatters.get(style & _STYLE, format_number)(number)
            elif head & 0xFF == _ROW and head < _LONG_RECORD and position + (head >> 8) < last:
                self.end_row()
                columns, texts = self._columns, self._texts
                text = ""
            else:
                break
            if text:
                columns.append(column)
                texts.append(text)
            position += 2 + (head >> 8)
        return position

    def add_record(self, kind: int, content: bytes) -> None:
        """Add the cell of a record; a row ends where the next begins. Raises: struct.error."""
        if kind == _ROW:
            self.end_row()
        elif (kind <= _LAST_CELL or kind == _RICH_TEXT) and (text := self._read_value(kind, content)):
            self._columns.append(_COLUMN.unpack_from(content)[0])
            self._texts.append(text)

    def _read_value(self, kind: int, content: bytes) -> str:
        """Return the text of a cell; empty for an empty cell, an error, or a record that is no cell."""
        if kind in (_SHARED_TEXT, _SHORT_NUMBER):
            style, value = struct.unpack_from("<Ii", content, 4)
            if kind == _SHORT_NUMBER:
                return self._workbook.short_numbers.get_text(value, style & _STYLE)
            return self._workbook.texts[value] if 0 <= value < len(self._workbook.texts) else ""
        if kind in _NUMBERS:
            style, number = struct.unpack_from("<Id", content, 4)
            return self._workbook.formats.format_number(number, style & _STYLE)
        if kind in _TEXTS:
            return read_string(content, 8)
        if kind in _BOOLEANS:
            return format_cell(content[8:9] == b"\1")
        return read_string(content, 9) if kind == _RICH_TEXT else ""

    def end_row(self) -> None:
        """Add the row to the text; it may be empty."""
        if self._texts:
            self._text.add_cells(self._columns, self._texts)
            self._columns, self._texts = [], []


def add_rows(workbook: XlsbWorkbook, stream: BinaryIO, text: WorkbookText) -> None:
    """Add the rows of a sheet to a text. Raises: struct.error, where it is damaged."""
    records, rows = RecordReader(stream), _RowReader(workbook, text)
    while record := records.read_record():
        rows.add_record(*record)
        records.position = rows.read_cells(records.data, records.position)
    rows.end_row()
