"""OpenDocument texts and presentations (.odt, .odp); `ods` reads the spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator

from fastback.retrieval.extraction.formats import archive, xml_events
from fastback.retrieval.extraction.formats.document_flow import DocumentFlow
from fastback.retrieval.extraction.formats.reader import ExtractedText, SourceFile
from fastback.retrieval.extraction.formats.xml_events import Attributes, get_attribute

#: Elements that are skipped: deleted text, annotations, page numbers and other fields.
_SKIPPED_ELEMENTS = frozenset(("tracked-changes", "annotation", "page-number", "forms", "date-time", "note-citation"))
#: The largest repeat count, or other number, that an attribute may state.
_MAX_REPEATS = 1000


def _read_count(attributes: Attributes, name: str, default: int = 1) -> int:
    text = get_attribute(attributes, name)
    return min(int(text), _MAX_REPEATS) if text.isdigit() and len(text) < 10 else default


class _ContentReader:
    """Write the content of a document to a flow."""

    def __init__(self) -> None:
        self.flow = DocumentFlow()
        self._skipped_depth = 0
        self._list_depth = 0
        self._level = 0
        self._paragraphs = 0
        self._slides = 0
        self._repeats = 1

    def start_element(self, name: str, attributes: Attributes) -> None:
        if self._skipped_depth or name in _SKIPPED_ELEMENTS:
            self._skipped_depth += 1
            return
        match name:
            case "p" | "h":
                self._paragraphs += 1
                self._level = _read_count(attributes, "outline-level") if name == "h" else 0
                self.flow.begin_paragraph()
            case "s":
                self.flow.write(" " * _read_count(attributes, "c"))
            case "tab":
                self.flow.write("\t")
            case "line-break":
                self.flow.write("\n")
            case "list":
                self._list_depth += 1
            case "table":
                self.flow.begin_table()
            case "table-cell" | "covered-table-cell":
                self._repeats = _read_count(attributes, "number-columns-repeated")
            case "page":
                self._slides += 1
                self.flow.add_block(f"Slide {self._slides}:")
            case "notes":
                self.flow.add_block("Notes:")

    def end_element(self, name: str) -> None:
        if self._skipped_depth:
            self._skipped_depth -= 1
            return
        match name:
            case "p" | "h":
                self._paragraphs -= 1
                self.flow.end_paragraph(level=self._level if name == "h" else 0, item=self._list_depth)
            case "list":
                self._list_depth -= 1
            case "table-cell" | "covered-table-cell":
                self.flow.end_cell(self._repeats)
            case "table-row":
                self.flow.end_row()
            case "table":
                self.flow.end_table()

    def add_text(self, text: str) -> None:
        if self._paragraphs and not self._skipped_depth:
            self.flow.write(text)


class _HeaderFooterReader(_ContentReader):
    """Read only the headers and footers of the styles part."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def start_element(self, name: str, attributes: Attributes) -> None:
        if self._depth or name in ("header", "footer"):
            self._depth += 1
            super().start_element(name, attributes)

    def end_element(self, name: str) -> None:
        if self._depth:
            self._depth -= 1
            super().end_element(name)


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield one document with the whole text."""
    content, headers_footers = _ContentReader(), _HeaderFooterReader()
    with archive.open_archive(source) as zip_archive:
        with zip_archive.open_member("content.xml") as stream:
            xml_events.parse_xml(
                stream, on_start=content.start_element, on_end=content.end_element, on_text=content.add_text
            )
        if "styles.xml" in zip_archive.names:
            with zip_archive.open_member("styles.xml") as stream:
                xml_events.parse_xml(
                    stream,
                    on_start=headers_footers.start_element,
                    on_end=headers_footers.end_element,
                    on_text=headers_footers.add_text,
                )
    yield (
        "\n\n".join(text for text in (content.flow.join_blocks(), headers_footers.flow.join_blocks()) if text),
        source.metadata,
    )
