"""Excel 2003 spreadsheets in one XML file (SpreadsheetML)."""

from __future__ import annotations

from collections.abc import Iterator

from fastback.retrieval.extraction.formats import xml_events
from fastback.retrieval.extraction.formats.reader import ExtractedText, SourceFile
from fastback.retrieval.extraction.formats.sheet_text import WorkbookText, format_cell
from fastback.retrieval.extraction.formats.xml_events import Attributes, get_attribute


class _WorkbookReader:
    """Add the cells of all sheets to a text."""

    def __init__(self) -> None:
        self.text = WorkbookText()
        self._cells: list[tuple[int, str]] = []
        self._column = -1
        self._merged = 0
        self._kind = ""
        self._value: list[str] = []
        self._in_data = False
        self._in_comment = False

    def start_element(self, name: str, attributes: Attributes) -> None:
        match name:
            case "Worksheet":
                self.text.begin_sheet(get_attribute(attributes, "Name"))
            case "Row":
                self._cells = []
                self._column, self._merged = -1, 0
            case "Cell":
                self._column += 1 + self._merged
                if index := _read_number(attributes, "Index"):
                    self._column = index - 1
                self._merged = _read_number(attributes, "MergeAcross")
                self._value.clear()
            case "Comment":
                self._in_comment = True
            case "Data" if not self._in_comment:
                self._in_data = True
                self._kind = get_attribute(attributes, "Type")

    def end_element(self, name: str) -> None:
        match name:
            case "Data":
                self._in_data = False
            case "Comment":
                self._in_comment = False
            case "Cell":
                if value := self._read_value():
                    self._cells.append((self._column, value))
            case "Row" if self.text.has_sheets:
                self.text.add_cells(self._cells)

    def add_text(self, text: str) -> None:
        if self._in_data:
            self._value.append(text)

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


def _read_number(attributes: Attributes, name: str) -> int:
    """Return the number of columns that an attribute states; 0 where it is missing."""
    text = get_attribute(attributes, name)
    return int(text) if text.isdecimal() and len(text) < 6 else 0


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield one document with all sheets."""
    reader = _WorkbookReader()
    with open(source.path, "rb") as stream:
        xml_events.parse_xml(stream, on_start=reader.start_element, on_end=reader.end_element, on_text=reader.add_text)
    yield reader.text.join_sheets(), source.metadata
