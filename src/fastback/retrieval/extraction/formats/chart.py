"""Charts of Office documents: their titles, and the values of each series in one line."""

from __future__ import annotations

from fastback.retrieval.extraction.formats.cell_text import format_cell
from fastback.retrieval.extraction.formats.document_flow import DocumentFlow
from fastback.retrieval.extraction.formats.number_formats import NUMBER, classify_format, convert_serial
from fastback.retrieval.extraction.formats.xml_events import Attributes

#: Values of a series that are read.
_MAX_POINTS = 100_000
_SERIES_ELEMENTS = ("ser", "series", "data")
_CATEGORY_ELEMENTS = ("cat", "xVal", "strDim")
_VALUE_ELEMENTS = ("val", "yVal", "numDim")


class Series:
    """The name of a series; its categories and values by the index of the point."""

    def __init__(self) -> None:
        self.name: list[str] = []
        self.categories: dict[str, str] = {}
        self.values: dict[str, str] = {}

    def format_line(self) -> str:
        """Return the series in one line: its name, and each value with its category."""
        points: list[str] = []
        for index, value in self.values.items():
            category = self.categories.get(index, "")
            points.append(f"{category} = {value}" if category else value)
        if not points:
            points = list(self.categories.values())
        name = " ".join(" ".join(self.name).split())
        return ": ".join(text for text in (name, "; ".join(points)) if text)


class ChartReader:
    """Write a chart to a flow; its values are those that the program stored when it drew the chart."""

    def __init__(self) -> None:
        self.flow = DocumentFlow()
        self._series: Series | None = None
        self._target: dict[str, str] | None = None
        self._in_name = False
        self._in_title = False
        self._in_axis = False
        self._index = ""
        self._kind = NUMBER
        self._element = ""
        self._text: list[str] = []

    def start_element(self, name: str, attributes: Attributes) -> None:
        """Begin an element."""
        self._element = name
        if name in _SERIES_ELEMENTS:
            self._series = Series()
        elif name.endswith("Ax") or name == "axis":
            self._in_axis = True
        elif name == "title":
            self._in_title = True
            self.flow.begin_paragraph()
            self.flow.write("Axis: " if self._in_axis else "Chart: ")
        elif name == "p" and not self._in_title:
            self.flow.begin_paragraph()
        elif name == "pt":
            self._index = attributes.get("idx", "")
            self._text.clear()
        elif name in ("v", "formatCode"):
            self._text.clear()
        elif self._series is not None:
            self._start_series_element(self._series, name)

    def _start_series_element(self, series: Series, name: str) -> None:
        if name == "tx":
            self._in_name = True
        elif name in _CATEGORY_ELEMENTS:
            self._target, self._kind = series.categories, NUMBER
        elif name in _VALUE_ELEMENTS:
            self._target, self._kind = series.values, NUMBER

    def end_element(self, name: str) -> None:
        """End an element."""
        self._element = ""
        if name in _SERIES_ELEMENTS and self._series is not None:
            self._write_paragraph(self._series.format_line())
            self._series = self._target = None
        elif name.endswith("Ax") or name == "axis":
            self._in_axis = False
        elif name == "title" and self._in_title:
            self._in_title = False
            self.flow.end_paragraph()
        elif name == "p":
            if self._in_title:
                self.flow.write(" ")
            else:
                self.flow.end_paragraph()
        elif name == "tx":
            self._in_name = False
        elif name in _CATEGORY_ELEMENTS or name in _VALUE_ELEMENTS:
            self._target = None
        elif name == "formatCode":
            self._kind = classify_format(0, "".join(self._text))
        elif name in ("v", "pt"):
            self._end_value()

    def add_text(self, text: str) -> None:
        """Add characters."""
        if self._element == "t":
            self.flow.write(text)
        elif self._element in ("v", "pt", "formatCode"):
            self._text.append(text)

    def _end_value(self) -> None:
        """Store the value that ended; a `pt` that has a `v` ends a second time without a text."""
        value = "".join(self._text).strip()
        self._text.clear()
        if not value or self._series is None:
            return
        if self._in_name:
            self._series.name.append(value)
        elif self._target is not None and len(self._target) < _MAX_POINTS:
            existing = self._target.get(self._index)  # of another level of categories
            text = self._format_value(value)
            self._target[self._index] = f"{text} {existing}" if existing else text

    def _format_value(self, value: str) -> str:
        try:
            number = float(value)
        except ValueError:
            return value
        return format_cell(convert_serial(float(f"{number:.15g}"), self._kind, is_1904=False))

    def _write_paragraph(self, text: str) -> None:
        self.flow.begin_paragraph()
        self.flow.write(text)
        self.flow.end_paragraph()
