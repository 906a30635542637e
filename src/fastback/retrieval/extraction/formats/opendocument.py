"""OpenDocument texts and presentations (.odt, .odp); spreadsheets are read elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from fastback.retrieval.extraction.formats import archive, xml_events
from fastback.retrieval.extraction.formats.document_flow import Flow
from fastback.retrieval.extraction.formats.reader import Piece, Source
from fastback.retrieval.extraction.formats.xml_events import Attributes, attribute

#: Elements whose text is not read: what was deleted, remarks of readers, numbers of pages.
_SILENT = frozenset(("tracked-changes", "annotation", "page-number", "forms", "date-time", "note-citation"))
#: Most times that one element stands for.
_MOST = 1000


def _whole(attributes: Attributes, name: str, otherwise: int = 1) -> int:
    text = attribute(attributes, name)
    return min(int(text), _MOST) if text.isdigit() and len(text) < 10 else otherwise


class _Walk:
    def __init__(self) -> None:
        self.flow = Flow()
        self._silent = 0
        self._lists = 0
        self._level = 0
        self._paragraphs = 0
        self._slides = 0
        self._times = 1

    def start(self, name: str, attributes: Attributes) -> None:
        if self._silent or name in _SILENT:
            self._silent += 1
            return
        match name:
            case "p" | "h":
                self._paragraphs += 1
                self._level = _whole(attributes, "outline-level") if name == "h" else 0
                self.flow.begin_paragraph()
            case "s":
                self.flow.write(" " * _whole(attributes, "c"))
            case "tab":
                self.flow.write("\t")
            case "line-break":
                self.flow.write("\n")
            case "list":
                self._lists += 1
            case "table":
                self.flow.begin_table()
            case "table-cell" | "covered-table-cell":
                self._times = _whole(attributes, "number-columns-repeated")
            case "page":
                self._slides += 1
                self.flow.block(f"Slide {self._slides}:")
            case "notes":
                self.flow.block("Notes:")

    def end(self, name: str) -> None:
        if self._silent:
            self._silent -= 1
            return
        match name:
            case "p" | "h":
                self._paragraphs -= 1
                self.flow.end_paragraph(level=self._level if name == "h" else 0, item=self._lists)
            case "list":
                self._lists -= 1
            case "table-cell" | "covered-table-cell":
                self.flow.end_cell(self._times)
            case "table-row":
                self.flow.end_row()
            case "table":
                self.flow.end_table()

    def text(self, text: str) -> None:
        if self._paragraphs and not self._silent:
            self.flow.write(text)


class _Margins(_Walk):
    """What stands above and below each page; the rest of the styles says nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._inside = 0

    def start(self, name: str, attributes: Attributes) -> None:
        if self._inside or name in ("header", "footer"):
            self._inside += 1
            super().start(name, attributes)

    def end(self, name: str) -> None:
        if self._inside:
            self._inside -= 1
            super().end(name)


def read(source: Source) -> Iterator[Piece]:
    walk, margins = _Walk(), _Margins()
    with archive.opened(source) as opened:
        with opened.member("content.xml") as stream:
            xml_events.walk(stream, start=walk.start, end=walk.end, text=walk.text)
        if "styles.xml" in opened.names:
            with opened.member("styles.xml") as stream:
                xml_events.walk(stream, start=margins.start, end=margins.end, text=margins.text)
    yield "\n\n".join(one for one in (walk.flow.text(), margins.flow.text()) if one), source.metadata
