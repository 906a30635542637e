"""Rows of .xls sheets."""

from __future__ import annotations

import struct

from fastback.retrieval.extraction.formats.cell_text import format_number
from fastback.retrieval.extraction.formats.sheet_text import WorkbookText
from fastback.retrieval.extraction.formats.xls_cells import EMPTY_CELLS, NUMBER, READERS, SHARED_TEXT, SHORT_NUMBER
from fastback.retrieval.extraction.formats.xls_workbook import XlsWorkbook

#: The head of a record (its kind, and 16 bits higher its size), row, column, style, and the beginning of the value.
_CELL = struct.Struct("<IHHHi")
_DOUBLE, _POSITION = struct.Struct("<d"), struct.Struct("<HH")
#: The size of the head, and where the value of a cell begins in its record.
_HEAD_SIZE, _VALUE = 4, 10
#: The heads of frequent cells.
_SHARED_TEXT, _SHORT_NUMBER, _NUMBER = 10 << 16 | SHARED_TEXT, 10 << 16 | SHORT_NUMBER, 14 << 16 | NUMBER
_EMPTY_CELL = [""]


class XlsRows:
    """Add the rows of a sheet to a text.

    Rows are in order in the file, and empty cells cost nothing.
    """

    def __init__(self, workbook: XlsWorkbook, text: WorkbookText) -> None:
        self._workbook = workbook
        self._text = text
        self._row = -1
        self._column = 0
        self._columns: list[int] = []
        self._texts: list[str] = []

    def read_cells(self, offset: int) -> int:
        """Add the cells from an offset on, and return the offset of the first record of another kind.

        Sheets consist of cells, so this takes most of the time; it reads frequent kinds itself.
        """
        workbook, columns, texts = self._workbook, self._columns, self._texts
        data, shared_texts, formatters = workbook.data, workbook.texts, workbook.formats.formatters
        get_short_number, text_count = workbook.short_numbers.get_text, len(shared_texts)
        unpack, last = _CELL.unpack_from, len(data) - _CELL.size
        while offset <= last:
            head, row, column, style, value = unpack(data, offset)
            end = offset + _HEAD_SIZE + (head >> 16)
            if head == _SHARED_TEXT:
                text = shared_texts[value] if 0 <= value < text_count else ""
            elif head == _SHORT_NUMBER:
                text = get_short_number(value, style)
            elif head == _NUMBER:
                (number,) = _DOUBLE.unpack_from(data, offset + _VALUE)
                text = formatters.get(style, format_number)(number)
            elif head & 0xFFFF in READERS:
                self.add_record(head & 0xFFFF, offset + _HEAD_SIZE, min(end, len(data)))
                columns, texts = self._columns, self._texts
                offset = end
                continue
            elif head & 0xFFFF in EMPTY_CELLS:
                offset = end
                continue
            else:
                break
            if row != self._row:
                self._begin_row(row)
                columns, texts = self._columns, self._texts
            if text:
                columns.append(column)
                texts.append(text)
            offset = end
        return offset

    def add_record(self, kind: int, start: int, end: int) -> None:
        """Add the cells of a record. Raises: struct.error, where it is damaged."""
        data = self._workbook.data
        row, self._column = _POSITION.unpack_from(data, start)
        if row != self._row:
            self._begin_row(row)
        texts = READERS[kind](self._workbook, data[start:end])
        if texts != _EMPTY_CELL:
            self._columns.extend(range(self._column, self._column + len(texts)))
            self._texts += texts

    def add_formula_text(self, text: str) -> None:
        """Add the text that the formula of the last cell results in."""
        self._columns.append(self._column)
        self._texts.append(text)

    def _begin_row(self, row: int) -> None:
        self.end_row()
        self._row = row

    def end_row(self) -> None:
        """Add the row to the text; it may be empty."""
        self._text.add_cells(self._columns, self._texts)
        self._columns, self._texts = [], []
