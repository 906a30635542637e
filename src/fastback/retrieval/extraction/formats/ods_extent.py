"""Measure an OpenDocument spreadsheet before it is read, to choose between two readers.

The content is not parsed: that would take as long as reading it. Most rows are measured together, by searches for
names as usual programs write them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import repeat
from typing import BinaryIO

from fastback.retrieval.extraction.formats.sheet_extent import SheetExtent

_CHUNK_SIZE = 1 << 17
_MAX_ROW_SIZE = 1 << 23
#: Bytes of which a chunk may contain only a part.
_LONGEST_NAME = 100
_SHEET_START, _ROW_START, _ROW_END = b"<table:table ", b"<table:table-row", b"</table:table-row"
#: What begins with this in a row: the row itself, and its cells.
_TAG, _CELL_END = b"<table:", b"</table:table-cell>"
_CELL = re.compile(rb"<table:(?:covered-)?table-cell")
_SHORTEST_CELL = len(b"<table:table-cell/>")
#: The end of a row, and the begin of the next.
_PLAIN_ROW_START = re.compile(rb'><table:table-row(?: table:(?:style-name|visibility)="[^"<>]*")?>')
_ROWS_REPEATED, _COLUMNS_REPEATED = b"table:number-rows-repeated", b"table:number-columns-repeated"
_ROW_REPEATS = re.compile(rb'table:number-rows-repeated="([0-9]{1,7})"')
_CELL_REPEATS = re.compile(rb'table:number-columns-repeated="([0-9]{1,7})"(/?)')
#: Attributes of cells with a value.
_VALUE = b"office:"
#: What only one of the readers reads: shapes, comments, tabs and line breaks.
_UNUSUAL_ELEMENTS = re.compile(rb"<(?:draw:|office:annotation|text:tab|text:line-break)")


class _UnusualContent(Exception):
    """The content is not written as usual programs do."""


def _split_rows(stream: BinaryIO) -> Iterator[list[bytes]]:
    """Yield the content from the end of each row to that of the next, some rows at a time."""
    rest = b">"
    while chunk := stream.read(_CHUNK_SIZE):
        new = max(len(rest) - _LONGEST_NAME, 0)
        content = rest + chunk
        if _UNUSUAL_ELEMENTS.search(content, new) or len(rest) > _MAX_ROW_SIZE:
            raise _UnusualContent
        if content.find(_ROW_END, new) < 0:
            rest = content
            continue
        *rows, rest = content.split(_ROW_END)
        yield rows
    if _CELL.search(rest):
        raise _UnusualContent


def _read_row_repeats(tag: bytes) -> int:
    """Return how often a row is repeated."""
    if _ROWS_REPEATED not in tag:
        return 1
    match = _ROW_REPEATS.search(tag)
    if match is None:
        raise _UnusualContent
    return int(match[1])


class _OdsExtent:
    """The extent of all sheets below each other. Rows at the end of a sheet do not count while they are empty.

    Empty cells that are written one by one count as cells: they make the content large.
    """

    def __init__(self, *, counts_cells: bool) -> None:
        self.extent = SheetExtent()
        self._counts_cells = counts_cells
        self._row = 0
        self._empty_rows = 0

    def add_rows(self, rows: list[bytes]) -> None:
        """Add rows. Most steps are single calls for all of them."""
        ends = list(map(bytes.rfind, rows, repeat(_CELL_END)))
        values = list(map(bytes.find, rows, repeat(_VALUE), ends))
        repeats = list(map(bytes.find, rows, repeat(_COLUMNS_REPEATED), repeat(0), ends))
        starts = list(map(_PLAIN_ROW_START.match, rows))
        if min(ends) >= 0 > max(max(values), max(repeats)) and all(starts):
            self._add_plain_rows(rows, max(ends))
            return
        for row, end, value, repeated, start in zip(rows, ends, values, repeats, starts, strict=True):
            if end >= 0 > max(value, repeated) and start:
                self._add_plain_rows([row], end)
            else:
                self._add_row(row)

    def _add_plain_rows(self, rows: list[bytes], size: int) -> None:
        """Add rows that have values, and repeat nothing before the last of them, which ends within `size` bytes."""
        if self._counts_cells:
            tags = list(map(bytes.count, rows, repeat(_TAG)))
            self._add_range(len(rows), max(tags) - 1, sum(tags) - len(tags))
        else:
            columns = size // _SHORTEST_CELL
            self._add_range(len(rows), columns, len(rows) * columns)

    def _add_row(self, content: bytes) -> None:
        """Add a row, which may follow the begin of a sheet, and rows without any cell."""
        if _SHEET_START in content:
            self._empty_rows = 0
        before, *rows = content.split(_ROW_START)
        if not before.startswith(b">") or not rows or any(_CELL.search(part) for part in (before, *rows[:-1])):
            raise _UnusualContent
        *empty_rows, row = rows
        self._empty_rows += sum(map(_read_row_repeats, empty_rows))
        tag, _, cells = row.partition(b">")
        end = max(cells.rfind(_CELL_END), cells.rfind(_VALUE))
        if end < 0:
            self._empty_rows += _read_row_repeats(tag)
            return
        cells = cells[: cells.find(b">", end) + 1]
        runs = [(int(count) - 1, is_empty) for count, is_empty in _CELL_REPEATS.findall(cells)]
        if len(runs) != cells.count(_COLUMNS_REPEATED):
            raise _UnusualContent
        tags, repeats = cells.count(_TAG), _read_row_repeats(tag)
        values = tags + sum(count for count, is_empty in runs if not is_empty)
        self._add_range(repeats, tags + sum(count for count, _ in runs), values * repeats)

    def _add_range(self, rows: int, columns: int, cells: int) -> None:
        first = self._row
        self._row += self._empty_rows + rows
        self._empty_rows = 0
        self.extent.cells += cells
        self.extent.add_range(first, self._row - 1, 0, columns - 1)


def measure_ods(stream: BinaryIO, *, counts_cells: bool) -> SheetExtent | None:
    """Return the extent of all sheets below each other.

    The result is None where there are comments, shapes, tabs or line breaks, or the content is not written as usual
    programs do. Unless `counts_cells` is set, most rows have as many cells as their longest could have.
    """
    sheets = _OdsExtent(counts_cells=counts_cells)
    try:
        for rows in _split_rows(stream):
            sheets.add_rows(rows)
    except _UnusualContent:
        return None
    return sheets.extent
