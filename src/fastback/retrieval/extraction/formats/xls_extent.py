"""Measure a sheet of an .xls workbook before it is read, to choose between two readers."""

from __future__ import annotations

import re
import struct

from fastback.retrieval.extraction.formats.biff import CONTINUE, RECORD_HEAD_SIZE, find_record
from fastback.retrieval.extraction.formats.repetition import ANY_NUMBER
from fastback.retrieval.extraction.formats.sheet_extent import SheetExtent, UnmeasurableSheet
from fastback.retrieval.extraction.formats.xls_cells import EMPTY_CELLS, READERS, SHORT_NUMBERS

_EXTENT = 0x200
#: Sizes of records that are matched: of formulas, and of several short numbers.
_FORMULA_SIZES, _SHORT_NUMBERS_SIZES = range(22, 65), range(18, 109, 6)
_STATED_EXTENT, _POSITION, _COLUMN = struct.Struct("<IIHHxx"), struct.Struct("<HH"), struct.Struct("<H")
#: Rows are compared by the upper half of their number.
_ROW_BLOCK = 256
_MAX_ROWS, _MAX_COLUMNS = 65_536, 256
#: Bytes of most cells.
_CELL_SIZE = 14


def _compile_cells(last_row_block: int, last_column: int) -> re.Pattern[bytes]:
    """Return a pattern of the cells up to a row and a column, and of empty cells and heads of rows."""
    column = rb"[\x00-\x%02x]\x00" % last_column
    position = rb".[\x00-\x%02x]%s" % (last_row_block, column)
    formulas = b"|".join(rb"\x%02x\x00.{%d}" % (size, size) for size in _FORMULA_SIZES)
    # Several numbers end with their last column.
    numbers = b"|".join(rb"\x%02x\x00.{%d}%s" % (size, size - 2, column) for size in _SHORT_NUMBERS_SIZES)
    records = (
        rb"(?:\xfd\x00|\x7e\x02)\x0a\x00%s.{6}" % position,
        rb"\x03\x02\x0e\x00%s.{10}" % position,
        rb"\x05\x02\x08\x00%s.{4}" % position,
        rb"\xbd\x00(?=..%s)(?:%s)" % (position, numbers),
        rb"\x06\x00(?=..%s)(?:%s)" % (position, formulas),
        rb"\x01\x02\x06\x00.{6}",
        rb"\x08\x02\x10\x00.{16}",
    )
    return re.compile(b"(?:" + b"|".join(records) + b")" + ANY_NUMBER, re.DOTALL)


class XlsExtent:
    """Measure the cells of a sheet, in the place of `XlsRows`.

    A sheet states the extent of its cells, and calamine allocates as much. A pattern checks whether all cells are
    within it, which takes a twentieth of the time of reading them.

    Raises: UnmeasurableSheet.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._pattern: re.Pattern[bytes] | None = None
        self._row_blocks = self._columns = 0
        self._size = 0
        self._has_text = False

    @property
    def extent(self) -> SheetExtent:
        """Return the extent of the cells; their number is approximate."""
        extent = SheetExtent()
        if self._size:
            extent.cells = self._size // _CELL_SIZE
            extent.add_range(0, self._row_blocks * _ROW_BLOCK - 1, 0, self._columns - 1)
        return extent

    def read_cells(self, offset: int) -> int:
        """Measure cells from an offset on; return the offset of the first record that is something else."""
        while record := find_record(self._data, self._skip_cells(offset)):
            kind, start, end = record
            if kind == CONTINUE and self._has_text:
                raise UnmeasurableSheet
            self._has_text = False
            offset = start - RECORD_HEAD_SIZE
            if kind == _EXTENT:
                self._read_extent(start, end)
            elif kind in READERS:
                self.add_record(kind, start, end)
            elif kind not in EMPTY_CELLS:
                break
            offset = end
        return offset

    def _skip_cells(self, offset: int) -> int:
        """Return the offset behind the cells that the pattern matches."""
        match = self._pattern.match(self._data, offset) if self._pattern is not None else None
        if match is None:
            return offset
        self._size += match.end() - offset
        return match.end()

    def _read_extent(self, start: int, end: int) -> None:
        if end - start != _STATED_EXTENT.size or self._pattern is not None:
            raise UnmeasurableSheet
        first_row, rows, first_column, columns = _STATED_EXTENT.unpack_from(self._data, start)
        if rows > _MAX_ROWS or columns > _MAX_COLUMNS or first_row > rows or first_column > columns:
            raise UnmeasurableSheet
        if first_row < rows and first_column < columns:
            self._row_blocks, self._columns = (rows - 1) // _ROW_BLOCK + 1, columns
            self._pattern = _compile_cells(self._row_blocks - 1, columns - 1)

    def add_record(self, kind: int, start: int, end: int) -> None:
        """Measure a record that the pattern does not match. Raises: UnmeasurableSheet, struct.error."""
        row, column = _POSITION.unpack_from(self._data, start)
        if kind == SHORT_NUMBERS:
            (column,) = _COLUMN.unpack_from(self._data, end - _COLUMN.size)
        if self._pattern is None or row >= self._row_blocks * _ROW_BLOCK or column >= self._columns:
            raise UnmeasurableSheet
        self._size += end - start
        self._has_text = True

    def add_formula_text(self, text: str) -> None:
        """Accept the text of a formula, unless it continues in another record."""
        self._has_text = True

    def end_row(self) -> None:
        """Do nothing: rows are not measured one by one."""
