"""Word documents (.docx): headers, body, notes, footers; after each, its charts, diagrams and comments."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastback.retrieval.extraction.formats import archive, xml_events
from fastback.retrieval.extraction.formats.attached_parts import AttachedParts, get_alternative_text
from fastback.retrieval.extraction.formats.document_flow import DocumentFlow
from fastback.retrieval.extraction.formats.package_relationships import find_main_part, read_relationships
from fastback.retrieval.extraction.formats.reader import ExtractedText, SourceFile
from fastback.retrieval.extraction.formats.xml_events import Attributes, get_attribute

_HEADING = re.compile(r"heading (\d)", re.IGNORECASE)
_HEADER_PART, _FOOTER_PART = re.compile(r"word/header\d*\.xml"), re.compile(r"word/footer\d*\.xml")
_BODY_PART = "word/document.xml"
#: Elements that are skipped: deleted text, and alternatives for old programs that repeat text.
_SKIPPED_ELEMENTS = frozenset(("Fallback", "del", "moveFrom"))
_NO_NUMBERING = ("0", "false", "off")


class StyleReader:
    """Read the levels of heading styles, and which styles are those of lists."""

    def __init__(self) -> None:
        self._heading_levels: dict[str, int] = {}
        self._list_styles: set[str] = set()
        self._parents: dict[str, str] = {}
        self._style_id = ""

    def start_element(self, name: str, attributes: Attributes) -> None:
        value = get_attribute(attributes, "val")
        match name:
            case "style":
                self._style_id = get_attribute(attributes, "styleId")
            case "basedOn" if self._style_id:
                self._parents[self._style_id] = value
            case "name" if self._style_id:
                if match := _HEADING.match(value):
                    self._heading_levels[self._style_id] = int(match[1])
                elif value.lower() == "title":
                    self._heading_levels[self._style_id] = 1
            case "outlineLvl" if self._style_id and value.isdecimal() and int(value) < 9:
                self._heading_levels.setdefault(self._style_id, int(value) + 1)
            case "numPr" if self._style_id:
                self._list_styles.add(self._style_id)

    def end_element(self, name: str) -> None:
        if name == "style":
            self._style_id = ""

    def resolve(self) -> tuple[dict[str, int], set[str]]:
        """Return the levels of heading styles by id, and the ids of list styles; styles inherit from their parents."""
        heading_levels, list_styles = dict(self._heading_levels), set(self._list_styles)
        for style, parent in self._parents.items():
            if style not in heading_levels and parent in heading_levels:
                heading_levels[style] = heading_levels[parent]
            if parent in list_styles:
                list_styles.add(style)
        return heading_levels, list_styles - set(heading_levels)


def _read_styles(zip_archive: archive.Archive, part: str) -> tuple[dict[str, int], set[str]]:
    reader = StyleReader()
    if part in zip_archive.names:
        with zip_archive.open_member(part) as stream:
            xml_events.parse_xml(stream, on_start=reader.start_element, on_end=reader.end_element)
    return reader.resolve()


class _ParagraphStyle:
    level = 0
    item = 0


class PartReader:
    """Write one part of the document to a flow."""

    def __init__(self, flow: DocumentFlow, styles: dict[str, int], list_styles: set[str]) -> None:
        self._flow = flow
        self._styles = styles
        self._list_styles = list_styles
        self._paragraphs: list[_ParagraphStyle] = []
        self._skipped_depth = 0
        self._in_text = False

    def start_element(self, name: str, attributes: Attributes) -> None:
        if self._skipped_depth or name in _SKIPPED_ELEMENTS:
            self._skipped_depth += 1
            return
        flow = self._flow
        match name:
            case "t":
                self._in_text = True
            case "p":
                self._paragraphs.append(_ParagraphStyle())
                flow.begin_paragraph()
            case "tab":
                # In the properties of a paragraph the element defines a tab stop.
                flow.write("" if get_attribute(attributes, "pos") else "\t")
            case "br" | "cr":
                flow.write("\n")
            case "noBreakHyphen":
                flow.write("-")
            case "tbl":
                flow.begin_table()
            case "docPr" | "shape":
                if text := get_alternative_text(attributes):
                    flow.write(f" {text} ")
            case "pStyle" if self._paragraphs:
                style = get_attribute(attributes, "val")
                self._paragraphs[-1].level = self._styles.get(style, 0)
                self._paragraphs[-1].item = int(style in self._list_styles)
            case "outlineLvl" if self._paragraphs:
                level = get_attribute(attributes, "val")
                self._paragraphs[-1].level = int(level) + 1 if level.isdecimal() and int(level) < 9 else 0
            case "numPr" | "listPr" if self._paragraphs:
                self._paragraphs[-1].item = 1
            case "ilvl" if self._paragraphs:
                depth = get_attribute(attributes, "val")
                self._paragraphs[-1].item = int(depth) + 1 if depth.isdecimal() and len(depth) < 3 else 1
            case "numId" if self._paragraphs and get_attribute(attributes, "val") in _NO_NUMBERING:
                self._paragraphs[-1].item = 0

    def end_element(self, name: str) -> None:
        if self._skipped_depth:
            self._skipped_depth -= 1
            return
        match name:
            case "t":
                self._in_text = False
            case "p" if self._paragraphs:
                paragraph = self._paragraphs.pop()
                self._flow.end_paragraph(level=paragraph.level, item=paragraph.item)
            case "tc":
                self._flow.end_cell()
            case "tr":
                self._flow.end_row()
            case "tbl":
                self._flow.end_table()

    def add_text(self, text: str) -> None:
        if self._in_text and not self._skipped_depth:
            self._flow.write(text)


def _list_parts(zip_archive: archive.Archive) -> tuple[str, list[str]]:
    """Return the part of the styles, and the parts that contain text, in reading order."""
    body = find_main_part(zip_archive, _BODY_PART)
    names = zip_archive.names
    parts: dict[str, set[str]] = {
        "header": {name for name in names if _HEADER_PART.fullmatch(name)},
        "footer": {name for name in names if _FOOTER_PART.fullmatch(name)},
        "footnotes": {"word/footnotes.xml"} & names,
        "endnotes": {"word/endnotes.xml"} & names,
        "styles": {"word/styles.xml"} & names,
    }
    for kind, name in read_relationships(zip_archive, body).values():
        if kind in parts and name in names:
            parts[kind].add(name)
    notes = [*sorted(parts["footnotes"]), *sorted(parts["endnotes"])]
    return next(iter(parts["styles"]), ""), [*sorted(parts["header"]), body, *notes, *sorted(parts["footer"])]


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield one document with the whole text."""
    flow = DocumentFlow()
    with archive.open_archive(source) as zip_archive:
        styles_part, text_parts = _list_parts(zip_archive)
        styles, list_styles = _read_styles(zip_archive, styles_part)
        attached_parts = AttachedParts(zip_archive)
        for part in text_parts:
            reader = PartReader(flow, styles, list_styles)
            with zip_archive.open_member(part) as stream:
                xml_events.parse_xml(
                    stream, on_start=reader.start_element, on_end=reader.end_element, on_text=reader.add_text
                )
            for text in attached_parts.read_texts(part):
                flow.add_block(text)
    yield flow.join_blocks(), source.metadata
