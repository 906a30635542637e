"""Charts in .xls workbooks."""

from __future__ import annotations

import struct

from fastback.retrieval.extraction.formats.chart import Series
from fastback.retrieval.extraction.formats.xls_cells import READERS
from fastback.retrieval.extraction.formats.xls_workbook import XlsWorkbook

_SERIES, _TEXT, _STRING, _LINK, _CACHE, _END_BLOCK, _BEGIN_BLOCK = (
    0x1003,
    0x1025,
    0x100D,
    0x1027,
    0x1065,
    0x1034,
    0x1033,
)
#: What a text of a chart belongs to.
_CHART_TITLE, _AXES = 1, (2, 3, 7)
#: What the cached cells of a chart are.
_VALUES, _CATEGORIES = 1, 2


class XlsChart:
    """The titles and series of a chart. The values of its series are cached cells: a column for each series."""

    def __init__(self, workbook: XlsWorkbook) -> None:
        self._workbook = workbook
        self._titles: list[str] = []
        self._series: list[Series] = []
        self._string = ""
        self._in_text = False
        self._cache = 0

    def read_record(self, kind: int, start: int, end: int) -> None:
        """Read a record of the chart."""
        data = self._workbook.data
        if kind == _SERIES:
            self._series.append(Series())
            self._in_text = False
        elif kind == _TEXT:
            self._in_text, self._string = True, ""
        elif kind == _STRING:
            self._string = self._workbook.read_string(start + 2, end, 1)
            if not self._in_text and self._series:
                self._series[-1].name.append(self._string)
        elif kind == _LINK and self._string:
            (target,) = struct.unpack_from("<H", data, start)
            if target == _CHART_TITLE:
                self._titles.insert(0, f"Chart: {self._string}")
            elif target in _AXES:
                self._titles.append(f"Axis: {self._string}")
            self._string = ""
        elif kind == _CACHE:
            (self._cache,) = struct.unpack_from("<H", data, start)
        elif kind in READERS and self._cache in (_VALUES, _CATEGORIES):
            self._read_cached_cell(kind, start, end)

    def _read_cached_cell(self, kind: int, start: int, end: int) -> None:
        row, column = struct.unpack_from("<HH", self._workbook.data, start)
        if column < len(self._series):
            series = self._series[column]
            points = series.values if self._cache == _VALUES else series.categories
            for text in filter(None, READERS[kind](self._workbook, self._workbook.data[start:end])):
                points[str(row)] = text

    def format_text(self) -> str:
        """Return the titles, and a line for each series."""
        return "\n".join(filter(None, (*self._titles, *(series.format_line() for series in self._series))))
