"""Excel 2003 spreadsheets in one XML file (SpreadsheetML)."""

from __future__ import annotations

from collections.abc import Iterator

from fastback.retrieval.extraction.formats import xml_events
from fastback.retrieval.extraction.formats.cell_text import format_cell, format_reference
from fastback.retrieval.extraction.formats.comments import format_comment
from fastback.retrieval.extraction.formats.reader import ExtractedText, SourceFile
from fastback.retrieval.extraction.formats.sheet_text import WorkbookText
from fastback.retrieval.extraction.formats.xml_events import Attributes, get_attribute


class _WorkbookReader:
    """Add the cells of all sheets to a text."""

    def __init__(self) -> None:
        self.text = WorkbookText()
        self._columns: list[int] = []
        self._texts: list[str] = []
        self._column = -1
        self._merged = 0
        self._kind = ""
        self._value: list[str] = []
        self._in_data = False
        self._in_comment = False
        self._row = -1
        self._author = ""
        self._comment: list[str] = []
        self._notes: list[str] = []

    def start_element(self, name: str, attributes: Attributes) -> None:
        match name:
            case "Worksheet":
                self.text.begin_sheet(get_attribute(attributes, "Name"))
                self._row = -1
            case "Row":
                self._columns, self._texts = [], []
                self._column, self._merged = -1, 0
                self._row = _read_number(attributes, "Index", self._row + 2) - 1
            case "Cell":
                self._column += 1 + self._merged
                if index := _read_number(attributes, "Index"):
                    self._column = index - 1
                self._merged = _read_number(attributes, "MergeAcross")
                self._value.clear()
            case "Comment":
                self._in_comment = True
                self._author = get_attribute(attributes, "Author")
                self._comment.clear()
            case "Data":
                self._in_data = True
                if not self._in_comment:
                    self._kind = get_attribute(attributes, "Type")

    def end_element(self, name: str) -> None:
        match name:
            case "Data":
                self._in_data = False
            case "Comment":
                self._in_comment = False
                cell = format_reference(self._row, self._column)
                self._notes.append(format_comment("".join(self._comment), cell=cell, author=self._author))
            case "Worksheet" if self.text.has_sheets:
                for note in filter(None, self._notes):
                    self.text.add_note(note)
                self._notes.clear()
            case "Cell":
                if value := self._read_value():
                    self._columns.append(self._column)
                    self._texts.append(value)
            case "Row" if self.text.has_sheets:
                self.text.add_cells(self._columns, self._texts)
                self._columns, self._texts = [], []

    def add_text(self, text: str) -> None:
        if self._in_data:
            (self._comment if self._in_comment else self._value).append(text)

    def _read_value(self) -> str:
        """Return the text of the cell that ended; that of errors is empty."""
        value = "".join(self._value)
        match self._kind:
            case "Number":
                try:
                    return format_cell(float(value))
                except ValueError:
                    return value
            case "DateTime":
                return value.strip().removesuffix(".000").removesuffix("T00:00:00").replace("T", " ")
            case "Boolean":
                return format_cell(value.strip() == "1") if value.strip() else ""
            case "Error":
                return ""
        return value


def _read_number(attributes: Attributes, name: str, default: int = 0) -> int:
    """Return the number of rows or columns that an attribute states; the default where it is missing."""
    text = get_attribute(attributes, name)
    return int(text) if text.isdecimal() and len(text) < 8 else default


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield one document with all sheets."""
    reader = _WorkbookReader()
    with open(source.path, "rb") as stream:
        xml_events.parse_xml(stream, on_start=reader.start_element, on_end=reader.end_element, on_text=reader.add_text)
    yield reader.text.join_sheets(), source.metadata
