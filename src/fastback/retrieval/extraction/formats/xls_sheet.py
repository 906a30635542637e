"""The sheets of .xls workbooks: cells, comments, text boxes and charts."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from fastback.retrieval.extraction.formats.biff import Record, StringReader, find_record, list_continuations
from fastback.retrieval.extraction.formats.cell_text import format_reference
from fastback.retrieval.extraction.formats.comments import format_comment
from fastback.retrieval.extraction.formats.xls_cells import READERS
from fastback.retrieval.extraction.formats.xls_chart import XlsChart
from fastback.retrieval.extraction.formats.xls_extent import XlsExtent
from fastback.retrieval.extraction.formats.xls_rows import XlsRows
from fastback.retrieval.extraction.formats.xls_workbook import BEGIN, CHART_SHEET, END, Sheet, XlsWorkbook

_FORMULA_TEXT, _COMMENT, _OBJECT, _OBJECT_TEXT = 0x207, 0x1C, 0x5D, 0x1B6


class XlsSheet:
    """Pass on the cells of a sheet, and collect what is beside them."""

    def __init__(self, workbook: XlsWorkbook, sheet: Sheet, rows: XlsRows | XlsExtent) -> None:
        self._workbook = workbook
        self._sheet = sheet
        self._rows = rows
        self._comments: list[tuple[int, int, int, str]] = []
        self._object_texts: dict[int, str] = {}
        self._charts: list[str] = []
        self._chart: XlsChart | None = None
        self._object_id = 0

    @property
    def has_charts(self) -> bool:
        """Return whether a chart is in the sheet."""
        return bool(self._charts)

    def read_records(self) -> None:
        """Read the sheet. Raises: struct.error, where it is damaged."""
        depth = 0
        chart_depth = 1 if self._sheet.kind == CHART_SHEET else 2
        for kind, start, end in self._list_records():
            if kind in READERS and self._chart is None:
                self._rows.add_record(kind, start, end)
            elif kind == BEGIN:
                depth += 1
                if depth == chart_depth:
                    self._chart = XlsChart(self._workbook)
            elif kind == END:
                depth -= 1
                if self._chart is not None and depth < chart_depth:
                    self._charts.append(self._chart.format_text())
                    self._chart = None
                if depth <= 0:
                    break
            elif kind == _FORMULA_TEXT and self._chart is None:
                self._rows.add_formula_text(self._workbook.read_long_string(start, end))
            else:
                self._read_note(kind, start, end)
        self._rows.end_row()

    def _list_records(self) -> Iterator[Record]:
        """Yield the records of the sheet; add the cells between them to the text, except the cells of charts."""
        record: Record | None = (0, 0, self._sheet.offset)
        while record is not None:
            offset = record[2] if self._chart is not None else self._rows.read_cells(record[2])
            if record := find_record(self._workbook.data, offset):
                yield record

    def _read_note(self, kind: int, start: int, end: int) -> None:
        data = self._workbook.data
        if kind == _OBJECT and end - start >= 8:
            (self._object_id,) = struct.unpack_from("<H", data, start + 6)
        elif kind == _OBJECT_TEXT:
            self._object_texts[self._object_id] = self._read_object_text(start, end)
        elif kind == _COMMENT:
            self._read_comment(start, end)
        elif self._chart is not None:
            self._chart.read_record(kind, start, end)

    def _read_object_text(self, start: int, end: int) -> str:
        if self._workbook.encoding or end - start < 12:
            return ""
        (count,) = struct.unpack_from("<H", self._workbook.data, start + 10)
        ranges = list_continuations(self._workbook.data, end)
        if not count or not ranges:
            return ""
        reader = StringReader(self._workbook.data, ranges)
        return reader.read_characters(count, reader.read_number(1))

    def _read_comment(self, start: int, end: int) -> None:
        data, encoding = self._workbook.data, self._workbook.encoding
        row, column, size_or_flags, object_id = struct.unpack_from("<HHHH", data, start)
        if not encoding:
            self._comments.append((row, column, object_id, self._workbook.read_string(start + 8, end)))
            return
        # The record of BIFF 5 contains the text; longer texts continue in records with an impossible row.
        text = data[start + 6 : min(start + 6 + size_or_flags, end)].decode(encoding, "replace")
        if row == 0xFFFF and self._comments:
            object_id = self._comments[-1][2]
            self._object_texts[object_id] += text
        else:
            object_id = -1 - len(self._comments)
            self._object_texts[object_id] = text
            self._comments.append((row, column, object_id, ""))

    def list_notes(self) -> list[str]:
        """Return the texts beside the cells: charts, text boxes, comments."""
        comment_ids = {object_id for _, _, object_id, _ in self._comments}
        boxes = [text for object_id, text in self._object_texts.items() if object_id not in comment_ids]
        comments = [
            format_comment(self._object_texts.get(object_id, ""), cell=format_reference(row, column), author=author)
            for row, column, object_id, author in self._comments
        ]
        texts = (*self._charts, *boxes, *comments)
        return ["\n".join(line.strip() for line in text.splitlines() if line.strip()) for text in texts if text.strip()]
