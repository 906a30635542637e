"""OpenDocument spreadsheets (.ods), with their comments, text boxes and charts.

calamine reads large workbooks whose cells are close together, and which have nothing beside them; this reader all
others, cell by cell in the order of the file. Runs of empty cells are one element of it, and cost nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from fastback.retrieval.extraction.formats import archive, xml_events
from fastback.retrieval.extraction.formats.calamine_workbook import UnreadableWorkbook, read_sheets
from fastback.retrieval.extraction.formats.cell_text import format_cell, format_reference
from fastback.retrieval.extraction.formats.comments import format_comment
from fastback.retrieval.extraction.formats.ods_extent import measure_ods
from fastback.retrieval.extraction.formats.opendocument import ContentReader, read_part, require_open_content
from fastback.retrieval.extraction.formats.reader import ExtractedText, SourceFile
from fastback.retrieval.extraction.formats.sheet_extent import SheetExtent, fits_rectangles
from fastback.retrieval.extraction.formats.sheet_text import WorkbookText
from fastback.retrieval.extraction.formats.xml_events import Attributes, get_attribute

_CONTENT = "content.xml"
#: Bytes of a content, and its cells, that this reader reads as fast as calamine opens it.
_SMALL_CONTENT, _FEW_CELLS = 1 << 17, 1000
#: Bytes of a content whose cells need not be counted, and how many it could then have; empty ones need 24 bytes each.
_MAX_UNCOUNTED_CONTENT = 25_000_000
_MAX_POSSIBLE_CELLS = 1_500_000
_MAX_COLUMNS = 16_384
_MAX_ROWS = 1 << 20
#: How often the same row is written.
_MAX_EQUAL_ROWS = 10_000
_SHAPES = frozenset(
    (
        *("shapes", "frame", "custom-shape", "rect", "ellipse", "circle", "caption", "g", "path", "polygon"),
        *("regular-polygon", "polyline", "line", "connector"),
    )
)
_OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0 "
_ROW_REPEATS = "urn:oasis:names:tc:opendocument:xmlns:table:1.0 number-rows-repeated"
_COLUMN_REPEATS = "urn:oasis:names:tc:opendocument:xmlns:table:1.0 number-columns-repeated"
_DURATION = re.compile(r"PT(\d+)H(\d+)M(\d+)(?:[.,]\d+)?S")


class _Comment:
    """The comment of a cell."""

    def __init__(self, cell: str) -> None:
        self._cell = cell
        self._author: list[str] = []
        self._parts: list[str] = []
        self._target: list[str] | None = None

    def start_element(self, name: str, attributes: Attributes) -> None:
        match name:
            case "creator":
                self._target = self._author
            case "p":
                self._target = self._parts
            case "s" | "tab" | "line-break":
                self._parts.append(" ")

    def end_element(self, name: str) -> None:
        if name in ("creator", "p"):
            self._target = None
            self._parts.append(" ")

    def add_text(self, text: str) -> None:
        if self._target is not None:
            self._target.append(text)

    def format_text(self) -> str:
        return format_comment("".join(self._parts), cell=self._cell, author="".join(self._author))


class _Shape(ContentReader):
    """A text box, a chart or another shape."""

    def format_text(self) -> str:
        return self.flow.join_lines()


class _WorkbookReader:
    """Add the cells of all sheets to a text; the notes of a sheet follow its cells."""

    def __init__(self, zip_archive: archive.Archive) -> None:
        self.text = WorkbookText()
        self._archive = zip_archive
        self._notes: list[str] = []
        self._note: _Comment | _Shape | None = None
        self._note_depth = 0
        self._tables = 0
        self._skipped_depth = 0
        self._row = self._column = 0
        self._row_repeats = 1
        self._columns: list[int] = []
        self._texts: list[str] = []
        self._cell: Attributes = {}
        self._parts: list[str] = []
        self._paragraphs = 0

    def start_element(self, name: str, attributes: Attributes) -> None:
        if self._note is not None:
            self._note_depth += 1
            self._note.start_element(name, attributes)
        elif self._skipped_depth or name == "tracked-changes":
            self._skipped_depth += 1
        elif name in ("table-cell", "covered-table-cell"):
            self._cell = attributes
            self._parts.clear()
        elif name == "p":
            if self._parts:
                self._parts.append("\n")
            self._paragraphs += 1
        elif name == "table-row":
            self._columns, self._texts = [], []
            self._column = 0
            self._row_repeats = _read_repeats(attributes, _ROW_REPEATS, _MAX_ROWS)
        elif name == "annotation":
            self._begin_note(_Comment(format_reference(self._row, self._column)))
        elif name in _SHAPES:
            self._begin_note(_Shape())
            if name != "shapes" and self._note is not None:
                self._note.start_element(name, attributes)
        elif name == "table":
            self._tables += 1
            if self._tables == 1:
                self.text.begin_sheet(get_attribute(attributes, "name"))
                self._row = 0
        elif self._paragraphs and name in ("s", "tab", "line-break"):
            self._parts.append(" ")

    def _begin_note(self, note: _Comment | _Shape) -> None:
        self._note, self._note_depth = note, 1

    def end_element(self, name: str) -> None:
        if self._note is not None:
            self._note_depth -= 1
            if self._note_depth:
                self._note.end_element(name)
            else:
                self._end_note(self._note)
        elif self._skipped_depth:
            self._skipped_depth -= 1
        elif name == "p":
            self._paragraphs -= 1
        elif name in ("table-cell", "covered-table-cell"):
            self._end_cell()
        elif name == "table-row":
            if self._tables:
                self.text.add_cells(self._columns, self._texts, repeats=min(self._row_repeats, _MAX_EQUAL_ROWS))
            self._columns, self._texts = [], []
            self._row = min(self._row + self._row_repeats, _MAX_ROWS)
        elif name == "table":
            self._tables -= 1
            if not self._tables:
                for note in self._notes:
                    self.text.add_note(note)
                self._notes.clear()

    def add_text(self, text: str) -> None:
        if self._note is not None:
            self._note.add_text(text)
        elif self._paragraphs and not self._skipped_depth:
            self._parts.append(text)

    def _end_cell(self) -> None:
        repeats = _read_repeats(self._cell, _COLUMN_REPEATS, _MAX_COLUMNS)
        if value := self._read_value():
            last = min(self._column + repeats, _MAX_COLUMNS)
            self._columns.extend(range(self._column, last))
            self._texts.extend([value] * (last - self._column))
        self._column = min(self._column + repeats, _MAX_COLUMNS)
        self._parts.clear()

    def _read_value(self) -> str:
        """Return the text of the cell that ended."""
        text = "".join(self._parts)
        match self._cell.get(f"{_OFFICE}value-type", ""):
            case "float" | "percentage" | "currency":
                try:
                    return format_cell(float(self._cell.get(f"{_OFFICE}value", "")))
                except ValueError:
                    return text
            case "date":
                return _format_date(self._cell.get(f"{_OFFICE}date-value", "")) or text
            case "time":
                match = _DURATION.fullmatch(self._cell.get(f"{_OFFICE}time-value", ""))
                return f"{match[1]}:{match[2]}:{match[3]}" if match else text
            case "boolean":
                return self._cell.get(f"{_OFFICE}boolean-value", "").upper() or text
            case "string":
                return self._cell.get(f"{_OFFICE}string-value", "") or text
        return text

    def _end_note(self, note: _Comment | _Shape) -> None:
        self._note = None
        self._add_note(note.format_text())
        if isinstance(note, _Shape):
            for name in note.objects:
                chart = ContentReader()
                read_part(self._archive, f"{name}/content.xml", chart)
                self._add_note(chart.flow.join_lines())

    def _add_note(self, text: str) -> None:
        if text:
            self._notes.append(text)


def _read_repeats(attributes: Attributes, name: str, limit: int) -> int:
    """Return how often a row or a cell is repeated."""
    text = attributes.get(name, "")
    return max(min(int(text), limit), 1) if text.isdecimal() and len(text) < 10 else 1


def _format_date(value: str) -> str:
    """Return a date such as `2024-01-31T12:00:00.5` as cells are written."""
    return value.partition(".")[0].replace("T", " ").removesuffix(" 00:00:00")


def _has_dense_sheets(zip_archive: archive.Archive) -> bool:
    """Return whether the workbook is large, and its sheets fit into calamine's rectangles."""
    size = zip_archive.get_size(_CONTENT)
    if size < _SMALL_CONTENT:
        return False
    if size <= _MAX_UNCOUNTED_CONTENT:
        extent = _measure_content(zip_archive, counts_cells=False)
        if extent is None or extent.cells < _FEW_CELLS:
            return False
        if extent.area <= _MAX_POSSIBLE_CELLS:
            return True
    extent = _measure_content(zip_archive, counts_cells=True)
    return extent is not None and extent.cells >= _FEW_CELLS and fits_rectangles([extent])


def _measure_content(zip_archive: archive.Archive, *, counts_cells: bool) -> SheetExtent | None:
    with zip_archive.open_member(_CONTENT) as stream:
        return measure_ods(stream, counts_cells=counts_cells)


def _read_content(zip_archive: archive.Archive) -> WorkbookText:
    reader = _WorkbookReader(zip_archive)
    with zip_archive.open_member(_CONTENT) as stream:
        xml_events.parse_xml(stream, on_start=reader.start_element, on_end=reader.end_element, on_text=reader.add_text)
    return reader.text


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield one document with all sheets."""
    with archive.open_archive(source) as zip_archive:
        require_open_content(zip_archive)
        text: WorkbookText | None = None
        if _has_dense_sheets(zip_archive):
            with suppress(UnreadableWorkbook):  # calamine refuses white space between cells
                text = read_sheets(source, "ods")
        text = text or _read_content(zip_archive)
    yield text.join_sheets(), source.metadata
