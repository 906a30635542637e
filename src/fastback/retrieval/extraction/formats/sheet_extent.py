"""Measure sheets before they are read, to choose between two readers.

calamine is fast, but builds a rectangle around all cells of a sheet: two cells far apart would cost gigabytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import BinaryIO

#: Cells that calamine may hold in memory, about 80 bytes each.
_MAX_CELLS = 500_000
#: How many empty cells a sheet may have, and how many for each value.
_FREE_GAPS = 20_000
_MAX_GAPS_PER_VALUE = 4
_CHUNK_SIZE = 1 << 18
#: The tag of a cell; its column and row, where they are written as usual programs do.
_CELL = re.compile(rb'<(?:[^\s<>/:]+:)?c(?=[\s/>])(?:(?: [a-qs-z]="[^"<]*")* r="([A-Z]{1,3})([0-9]{1,7})")?')
#: The columns and rows of cells without prefixes, and with no attribute before the reference: that is faster, and makes
#: no objects for the garbage collector. And what is written otherwise.
_COLUMNS, _ROWS = re.compile(rb'<c r="([A-Z]{1,3})'), re.compile(rb'<c r="[A-Z]{1,3}([0-9]{1,7})"')
_UNUSUAL_CELLS = (re.compile(rb'<c(?! r="[A-Z]{1,3}[0-9]{1,7}"|[A-Za-z])'), re.compile(rb":c[\s/>]"))
_TAG_START = re.compile(rb"<[^<>]*\Z")


class UnmeasurableSheet(Exception):
    """The cells of a sheet are not where they are expected, or only one of the readers reads them."""


class SheetExtent:
    """The number of cells, and the rectangle around them."""

    def __init__(self) -> None:
        self.cells = 0
        self._first_row = self._first_column = 1 << 32
        self._last_row = self._last_column = -1

    def add_cell(self, row: int, column: int) -> None:
        """Count a cell."""
        self.cells += 1
        self.add_range(row, row, column, column)

    def add_range(self, first_row: int, last_row: int, first_column: int, last_column: int) -> None:
        """Extend the rectangle, without counting cells."""
        self._first_row, self._last_row = min(self._first_row, first_row), max(self._last_row, last_row)
        self._first_column = min(self._first_column, first_column)
        self._last_column = max(self._last_column, last_column)

    @property
    def area(self) -> int:
        """Return the number of cells of the rectangle."""
        if self._last_row < 0:
            return 0
        return (self._last_row - self._first_row + 1) * (self._last_column - self._first_column + 1)


def fits_rectangles(extents: list[SheetExtent]) -> bool:
    """Return whether the rectangles around the cells of all sheets are small, and in proportion to the cells."""
    area, cells = sum(extent.area for extent in extents), sum(extent.cells for extent in extents)
    return area <= min(_MAX_CELLS, _FREE_GAPS + (_MAX_GAPS_PER_VALUE + 1) * cells)


def _read_column(letters: bytes) -> int:
    column = 0
    for letter in letters:
        column = column * 26 + letter - 64
    return column - 1


def _list_references(content: bytes) -> tuple[Sequence[bytes], Sequence[bytes]]:
    """Return the letters and the numbers of the references of cells."""
    if any(unusual.search(content) for unusual in _UNUSUAL_CELLS):
        references = _CELL.findall(content)
        return [letters for letters, _ in references], [number for _, number in references]
    return _COLUMNS.findall(content), _ROWS.findall(content)


def measure_xml_sheet(stream: BinaryIO) -> SheetExtent | None:
    """Return the extent of an .xlsx sheet; None where it is not written as usual programs do.

    It is not parsed: that would take as long as reading it.
    """
    extent = SheetExtent()
    rest = b""
    while chunk := stream.read(_CHUNK_SIZE):
        chunk = rest + chunk
        match = _TAG_START.search(chunk, max(len(chunk) - 1000, 0))
        end = match.start() if match else len(chunk)
        chunk, rest = chunk[:end], chunk[end:]
        letters, numbers = _list_references(chunk)
        if letters:
            if b"" in letters:
                return None
            columns = list(map(_read_column, set(letters)))
            rows = list(map(int, set(numbers)))  # rows may be in any order
            extent.cells += len(letters)
            extent.add_range(min(rows), max(rows), min(columns), max(columns))
    return extent if extent.cells and not rest.strip() else None
