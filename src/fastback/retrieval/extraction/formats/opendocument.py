"""OpenDocument texts and presentations (.odt, .odp), with their charts and comments; `ods` reads the spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator

from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction.formats import archive, xml_events
from fastback.retrieval.extraction.formats.document_flow import DocumentFlow
from fastback.retrieval.extraction.formats.reader import ExtractedText, SourceFile, unreadable_file
from fastback.retrieval.extraction.formats.xml_events import Attributes, get_attribute

#: Elements that are skipped: deleted text, page numbers and other fields.
_SKIPPED_ELEMENTS = frozenset(("tracked-changes", "page-number", "forms", "date-time", "note-citation"))
#: Elements of a comment beside its text.
_COMMENT_HEAD = frozenset(("date", "creator-initials", "sender-initials"))
_TITLE_STYLE = "Title"
#: The largest repeat count, or other number, that an attribute may state.
_MAX_REPEATS = 1000


def _read_count(attributes: Attributes, name: str, default: int = 1) -> int:
    text = get_attribute(attributes, name)
    return min(int(text), _MAX_REPEATS) if text.isdecimal() and len(text) < 10 else default


class ContentReader:
    """Write the content of a document to a flow. `objects` are the names of the charts and others that it shows."""

    def __init__(self) -> None:
        self.flow = DocumentFlow()
        self._skipped_depth = 0
        self._list_depth = 0
        self._title_styles = {_TITLE_STYLE}
        # Levels of the open paragraphs: a comment or a note is within another paragraph.
        self._levels: list[int] = []
        self._paragraphs = 0
        self._slides = 0
        self._repeats = 1
        self._in_comment = False
        self._in_chart = self._in_axis = False
        self._label = self._author = ""
        self._in_author = False
        self.objects: dict[str, None] = {}

    def start_element(self, name: str, attributes: Attributes) -> None:
        if self._skipped_depth or name in _SKIPPED_ELEMENTS or (self._in_comment and name in _COMMENT_HEAD):
            self._skipped_depth += 1
            return
        match name:
            case "p" | "h":
                self._paragraphs += 1
                self._levels.append(self._read_level(name, attributes))
                self.flow.begin_paragraph()
                self.flow.write(self._label)
                self._label = self._label if self._in_comment else ""
            case "style" if get_attribute(attributes, "parent-style-name") == _TITLE_STYLE:
                self._title_styles.add(get_attribute(attributes, "name"))
            case "s":
                self.flow.write(" " * _read_count(attributes, "c"))
            case "tab":
                self.flow.write("\t")
            case "line-break":
                self.flow.write("\n")
            case "annotation":
                self._in_comment = True
                self._author = ""
                self._label = "Comment: "
            case "creator":
                self._in_author = self._in_comment
            case "desc" if not self._in_chart:  # those of a chart are the ranges of its cells
                self._paragraphs += 1
                self.flow.begin_paragraph()
            case "chart":
                self._in_chart = True
            case "axis":
                self._in_axis = True
            case "title" if self._in_chart:
                self._label = "Axis: " if self._in_axis else "Chart: "
            case "object":
                self.objects[get_attribute(attributes, "href").removeprefix("./")] = None
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
                self._label = "Notes: "

    def _read_level(self, name: str, attributes: Attributes) -> int:
        """Return the level of a heading; 0 for other paragraphs."""
        if name == "h":
            return _read_count(attributes, "outline-level")
        return 1 if get_attribute(attributes, "style-name") in self._title_styles else 0

    def end_element(self, name: str) -> None:
        if self._skipped_depth:
            self._skipped_depth -= 1
            return
        match name:
            case "p" | "h":
                self._paragraphs -= 1
                self.flow.end_paragraph(level=self._levels.pop() if self._levels else 0, item=self._list_depth)
            case "annotation":
                self._in_comment = False
                self._label = ""
            case "creator" if self._in_author:
                self._in_author = False
                author = " ".join(self._author.split())
                self._label = f"Comment by {author}: " if author else "Comment: "
            case "notes":
                self._label = ""
            case "desc" if not self._in_chart:
                self._paragraphs -= 1
                self.flow.end_paragraph()
            case "axis":
                self._in_axis = False
            case "list":
                self._list_depth -= 1
            case "table-cell" | "covered-table-cell":
                self.flow.end_cell(self._repeats)
            case "table-row":
                self.flow.end_row()
            case "table":
                self.flow.end_table()

    def add_text(self, text: str) -> None:
        if self._in_author:
            self._author += text
        elif self._paragraphs and not self._skipped_depth:
            self.flow.write(text)


class _HeaderFooterReader(ContentReader):
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


def read_part(zip_archive: archive.Archive, part: str, reader: ContentReader) -> str:
    """Return the text of a part; empty where the part is missing."""
    if part in zip_archive.names:
        with zip_archive.open_member(part) as stream:
            xml_events.parse_xml(
                stream, on_start=reader.start_element, on_end=reader.end_element, on_text=reader.add_text
            )
    return reader.flow.join_blocks()


def require_open_content(zip_archive: archive.Archive) -> None:
    """Raise JobFailed where the content of a document is missing, or encrypted."""
    if "content.xml" not in zip_archive.names:
        raise unreadable_file("a document", "its part content.xml is missing.")
    if "META-INF/manifest.xml" in zip_archive.names and b"encryption-data" in zip_archive.read_member(
        "META-INF/manifest.xml"
    ):
        raise JobFailed("This document is protected by a password. Upload it without one.")


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield one document with the whole text; after the content the charts and other objects, each once."""
    content = ContentReader()
    with archive.open_archive(source) as zip_archive:
        require_open_content(zip_archive)
        texts = [read_part(zip_archive, "content.xml", content)]
        texts.extend(read_part(zip_archive, f"{name}/content.xml", ContentReader()) for name in content.objects)
        texts.append(read_part(zip_archive, "styles.xml", _HeaderFooterReader()))
    yield "\n\n".join(text for text in texts if text), source.metadata
