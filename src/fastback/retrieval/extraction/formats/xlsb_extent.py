"""Measure a sheet of an .xlsb workbook before it is read, to choose between two readers.

Patterns check where its cells are, which takes a tenth of the time of reading them.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Iterable
from typing import BinaryIO

from fastback.retrieval.extraction.formats.repetition import ANY_NUMBER, AT_LEAST_ONE
from fastback.retrieval.extraction.formats.sheet_extent import SheetExtent, UnmeasurableSheet
from fastback.retrieval.extraction.formats.xlsb_records import RecordReader

_ROW, _SHORT_NUMBER, _LAST_CELL, _RICH_TEXT = 0, 2, 11, 62
_NUMBER, _STYLE_AND_CODE = struct.Struct("<I"), struct.Struct("<4xIi")
_STYLE = 0xFFFFFF
_MAX_ROWS, _MAX_COLUMNS = 1 << 20, 16_384
#: Columns of which only the higher byte is compared.
_BLOCK = 256
#: Sizes of records that are matched: of rows, and of texts and results of formulas.
_ROW_SIZES, _VARIABLE_SIZES = (17, 25, 33, 41), range(14, 57)
#: Bytes of most cells.
_CELL_SIZE = 14
#: The lowest bits of a short number that is an integer.
_INTEGER = 2
_INTEGERS = b"".join(rb"\x%02x" % byte for byte in range(256) if byte & 3 == _INTEGER)


class DatesAreIntegers(Exception):
    """Integers have the styles of dates."""


def _match_contents(sizes: Iterable[int]) -> bytes:
    """Return a pattern of the sizes of records, each with as much content."""
    return b"(?:" + b"|".join(rb"\x%02x.{%d}" % (size, size) for size in sizes) + b")"


def _match_column(columns: int) -> bytes:
    """Return a pattern of the numbers of so many columns, in four bytes."""
    last_block, last = divmod(columns - 1, _BLOCK)
    return rb".[\x00-\x%02x]\x00\x00" % last_block if last_block else rb"[\x00-\x%02x]\x00\x00\x00" % last


class _CellPatterns:
    """Patterns of rows and cells in so many columns.

    Attributes:
        columns: their number.
        run: all that follow each other.
        rows: one row; its group is the number of the row.
        integers: one record; its group is the column and the style of a short number that is an integer.
    """

    def __init__(self, columns: int, date_styles: Collection[int]) -> None:
        self.columns = columns
        column = _match_column(columns)
        dates = b"|".join(b"".join(rb"\x%02x" % byte for byte in style.to_bytes(3, "little")) for style in date_styles)
        no_date = rb"(?!(?:%s).[%s])" % (dates, _INTEGERS) if dates else b""
        cells = (
            rb"\x02\x0c%s%s.{8}" % (column, no_date),
            rb"\x07\x0c%s.{8}" % column,
            rb"\x05\x10%s.{12}" % column,
            rb"\x04\x09%s.{5}" % column,
            rb"[\x06\x08-\x0b](?=.%s)%s" % (column, _match_contents(_VARIABLE_SIZES)),
            rb"\x01\x08.{8}",
        )
        cell = b"(?:" + b"|".join(cells) + b")"
        row = rb"\x00%s" % _match_contents(_ROW_SIZES)
        self.run = re.compile(rb"(?:%s|%s)%s" % (cell, row, ANY_NUMBER), re.DOTALL)
        self.rows = re.compile(rb"(?=..(....))%s%s%s|%s%s" % (row, cell, ANY_NUMBER, cell, AT_LEAST_ONE), re.DOTALL)
        self.integers = re.compile(rb"\x02\x0c(.{7}).[%s].{3}|%s|%s" % (_INTEGERS, cell, row), re.DOTALL)


class XlsbExtent:
    """Measure the cells of a sheet.

    Where `date_styles` are given, integers must not have them. Otherwise the integers are listed.

    Raises: UnmeasurableSheet, DatesAreIntegers, struct.error.
    """

    def __init__(self, date_styles: Collection[int] | None) -> None:
        self._date_styles = date_styles
        self._rows = self._columns = self._size = 0
        self._integers: set[bytes] = set()
        self._patterns: _CellPatterns | None = None

    def read_records(self, stream: BinaryIO) -> None:
        """Measure a sheet."""
        records = RecordReader(stream)
        while record := records.read_record():
            self._read_record(*record)
            if record[0] == _ROW:
                self._update_patterns()
            if self._patterns is not None:
                records.position = self._skip_cells(self._patterns, records.data, records.position)

    def _update_patterns(self) -> None:
        """Compile patterns for the columns of the rows up to now; rows that grow slowly need few patterns."""
        if self._patterns is not None and self._columns > self._patterns.columns:
            self._columns = max(self._columns, self._patterns.columns * 5 // 4)
        if self._columns > _BLOCK:
            self._columns = -(-self._columns // _BLOCK) * _BLOCK
        if self._columns and (self._patterns is None or self._columns > self._patterns.columns):
            self._patterns = _CellPatterns(self._columns, self._date_styles or ())

    def _skip_cells(self, patterns: _CellPatterns, data: bytes, start: int) -> int:
        """Measure cells from a position on; return the position of the first record that the patterns do not match."""
        match = patterns.run.match(data, start)
        end = match.end() if match else start
        if end > start:
            self._size += end - start
            numbers = set(patterns.rows.findall(data, start, end))
            self._rows = max(self._rows, *(int.from_bytes(number, "little") + 1 for number in numbers))
            if self._date_styles is None:
                self._integers.update(patterns.integers.findall(data, start, end))
        return end

    def _read_record(self, kind: int, content: bytes) -> None:
        """Measure a record that the patterns do not match, perhaps as the rest of it was not read yet."""
        if kind == _ROW:
            self._rows = max(self._rows, _NUMBER.unpack_from(content)[0] + 1)
        elif kind <= _LAST_CELL:
            self._columns = max(self._columns, _NUMBER.unpack_from(content)[0] + 1)
            self._size += len(content)
            if kind == _SHORT_NUMBER:
                self._add_short_number(content)
        if kind == _RICH_TEXT or self._columns > _MAX_COLUMNS or self._rows > _MAX_ROWS:
            raise UnmeasurableSheet

    def _add_short_number(self, content: bytes) -> None:
        style, code = _STYLE_AND_CODE.unpack_from(content)
        if code & 3 == _INTEGER:
            if self._date_styles is None:
                self._integers.add(content[:7])
            elif style & _STYLE in self._date_styles:
                raise DatesAreIntegers

    @property
    def extent(self) -> SheetExtent:
        """Return the extent of the cells; the numbers of columns and cells are approximate."""
        extent = SheetExtent()
        if self._size:
            extent.cells = self._size // _CELL_SIZE
            extent.add_range(0, self._rows - 1, 0, self._columns - 1)
        return extent

    def list_integers(self) -> list[tuple[int, int]]:
        """Return the columns and the styles of short numbers that are integers."""
        cells = filter(None, self._integers)
        return [(int.from_bytes(cell[:4], "little"), int.from_bytes(cell[4:], "little")) for cell in cells]
