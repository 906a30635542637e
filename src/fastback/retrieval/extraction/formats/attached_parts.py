"""Read what an Office document shows beside its main text: charts, diagrams, text boxes of sheets, comments."""

from __future__ import annotations

from fastback.retrieval.extraction.formats import archive, xml_events
from fastback.retrieval.extraction.formats.chart import ChartReader
from fastback.retrieval.extraction.formats.comments import CommentReader
from fastback.retrieval.extraction.formats.document_flow import DocumentFlow
from fastback.retrieval.extraction.formats.package_relationships import read_relationships
from fastback.retrieval.extraction.formats.xml_events import Attributes, get_attribute

#: Kinds of relationships. Comments of threads precede the others, which repeat them for old programs.
_CHARTS = ("chart", "chartEx")
_DRAWINGS = ("diagramData", "drawing", "chartUserShapes")
_COMMENTS = ("threadedComment", "comments")
#: How deep parts may refer to each other: a sheet to a drawing, that to a chart, and that to its own drawing.
_MAX_DEPTH = 3
#: Elements that are skipped: fields such as slide numbers and dates, and alternatives that repeat text.
_SKIPPED_ELEMENTS = frozenset(("Fallback", "fld"))


def get_alternative_text(attributes: Attributes) -> str:
    """Return the text that describes a picture or shape to those who cannot see it; or an empty text."""
    return " ".join((get_attribute(attributes, "descr") or get_attribute(attributes, "alt")).split())


class DrawingReader:
    """Write the paragraphs, tables and alternative texts of a slide, drawing or diagram to a flow."""

    def __init__(self) -> None:
        self.flow = DocumentFlow()
        self._skipped_depth = 0
        self._in_text = False

    def start_element(self, name: str, attributes: Attributes) -> None:
        """Begin an element."""
        if self._skipped_depth or name in _SKIPPED_ELEMENTS:
            self._skipped_depth += 1
            return
        match name:
            case "t":
                self._in_text = True
            case "p":
                self.flow.begin_paragraph()
            case "br":
                self.flow.write("\n")
            case "tab":
                self.flow.write("\t" if not get_attribute(attributes, "pos") else "")
            case "tbl":
                self.flow.begin_table()
            case "cNvPr":
                self.flow.begin_paragraph()
                self.flow.write(get_alternative_text(attributes))
                self.flow.end_paragraph()

    def end_element(self, name: str) -> None:
        """End an element."""
        if self._skipped_depth:
            self._skipped_depth -= 1
            return
        match name:
            case "t":
                self._in_text = False
            case "p":
                self.flow.end_paragraph()
            case "tc":
                self.flow.end_cell()
            case "tr":
                self.flow.end_row()
            case "tbl":
                self.flow.end_table()

    def add_text(self, text: str) -> None:
        """Add characters."""
        if self._in_text and not self._skipped_depth:
            self.flow.write(text)


def parse_part(zip_archive: archive.Archive, name: str, reader: ChartReader | CommentReader | DrawingReader) -> None:
    """Let a reader write a part to its flow.

    Raises:
        JobFailed: the part is damaged.
    """
    with zip_archive.open_member(name) as stream:
        xml_events.parse_xml(stream, on_start=reader.start_element, on_end=reader.end_element, on_text=reader.add_text)


class AttachedParts:
    """The parts that the parts of a document refer to; each is read once, however often it is referred to."""

    def __init__(self, zip_archive: archive.Archive) -> None:
        self._archive = zip_archive
        self._finished: set[str] = set()

    def read_texts(self, part: str, depth: int = 1) -> list[str]:
        """Return the texts of what a part shows, and of what that shows.

        Raises:
            JobFailed: a part is damaged, or holds too much text.
        """
        self._finished.add(part)
        relationships = [
            (kind, name) for kind, name in read_relationships(self._archive, part).values() if self._is_new(name)
        ]
        texts: list[str] = []
        for kind, name in relationships:
            if (kind in _CHARTS or kind in _DRAWINGS) and self._is_new(name):
                self._finished.add(name)
                reader = ChartReader() if kind in _CHARTS else DrawingReader()
                parse_part(self._archive, name, reader)
                texts.append(reader.flow.join_lines())
                if depth < _MAX_DEPTH:
                    texts.extend(self.read_texts(name, depth + 1))
        comments = CommentReader()
        for comment_kind in _COMMENTS:
            for kind, name in relationships:
                if kind == comment_kind and self._is_new(name):
                    self._finished.add(name)
                    comments.begin_part(is_thread=kind == "threadedComment")
                    if name.endswith(".bin"):
                        with self._archive.open_member(name) as stream:
                            comments.read_records(stream)
                    else:
                        parse_part(self._archive, name, comments)
        texts.append(comments.flow.join_lines())
        return [text for text in texts if text]

    def _is_new(self, name: str) -> bool:
        return name in self._archive.names and name not in self._finished
