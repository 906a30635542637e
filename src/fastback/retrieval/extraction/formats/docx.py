"""Word documents (.docx): headers, body, notes, footers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastback.retrieval.extraction.formats import archive, xml_events
from fastback.retrieval.extraction.formats.document_flow import Flow
from fastback.retrieval.extraction.formats.reader import Piece, Source
from fastback.retrieval.extraction.formats.xml_events import Attributes, attribute

_HEADING = re.compile(r"heading (\d)", re.IGNORECASE)
_BODY = "word/document.xml"
#: Elements whose text is not read: what was deleted, what stands twice for old programs.
_SILENT = frozenset(("Fallback", "del", "moveFrom"))
_OFF = ("0", "false", "off")


def _styles(opened: archive.Archive) -> tuple[dict[str, int], set[str]]:
    """Styles of headings by id, with their level; styles of lists."""
    found: dict[str, int] = {}
    items: set[str] = set()
    based: dict[str, str] = {}
    now = ""

    def start(name: str, attributes: Attributes) -> None:
        nonlocal now
        value = attribute(attributes, "val")
        match name:
            case "style":
                now = attribute(attributes, "styleId")
            case "basedOn" if now:
                based[now] = value
            case "name" if now:
                if heading := _HEADING.match(value):
                    found[now] = int(heading[1])
                elif value.lower() == "title":
                    found[now] = 1
            case "outlineLvl" if now and value.isdigit() and int(value) < 9:
                found.setdefault(now, int(value) + 1)
            case "numPr" if now:
                items.add(now)

    if "word/styles.xml" in opened.names:
        with opened.member("word/styles.xml") as stream:
            xml_events.walk(stream, start=start)
    for style, parent in based.items():
        if style not in found and parent in found:
            found[style] = found[parent]
        if parent in items:
            items.add(style)
    return found, items - set(found)


class _Paragraph:
    level = 0
    item = 0


class _Walk:
    """One part of the document into a flow."""

    def __init__(self, flow: Flow, styles: dict[str, int], lists: set[str]) -> None:
        self._flow = flow
        self._styles = styles
        self._lists = lists
        self._open: list[_Paragraph] = []
        self._silent = 0
        self._in_text = False

    def start(self, name: str, attributes: Attributes) -> None:
        if self._silent or name in _SILENT:
            self._silent += 1
            return
        flow = self._flow
        match name:
            case "t":
                self._in_text = True
            case "p":
                self._open.append(_Paragraph())
                flow.begin_paragraph()
            case "tab":
                # In a paragraph's properties it is a place to stop at.
                flow.write("" if attribute(attributes, "pos") else "\t")
            case "br" | "cr":
                flow.write("\n")
            case "noBreakHyphen":
                flow.write("-")
            case "tbl":
                flow.begin_table()
            case "pStyle" if self._open:
                style = attribute(attributes, "val")
                self._open[-1].level = self._styles.get(style, 0)
                self._open[-1].item = int(style in self._lists)
            case "outlineLvl" if self._open:
                level = attribute(attributes, "val")
                self._open[-1].level = int(level) + 1 if level.isdigit() and int(level) < 9 else 0
            case "numPr" if self._open:
                self._open[-1].item = 1
            case "ilvl" if self._open:
                depth = attribute(attributes, "val")
                self._open[-1].item = int(depth) + 1 if depth.isdigit() and len(depth) < 3 else 1
            case "numId" if self._open and attribute(attributes, "val") in _OFF:
                self._open[-1].item = 0

    def end(self, name: str) -> None:
        if self._silent:
            self._silent -= 1
            return
        match name:
            case "t":
                self._in_text = False
            case "p" if self._open:
                paragraph = self._open.pop()
                self._flow.end_paragraph(level=paragraph.level, item=paragraph.item)
            case "tc":
                self._flow.end_cell()
            case "tr":
                self._flow.end_row()
            case "tbl":
                self._flow.end_table()

    def text(self, text: str) -> None:
        if self._in_text and not self._silent:
            self._flow.write(text)


def _parts(names: set[str]) -> list[str]:
    """The parts that hold text, in the order of reading."""
    headers = sorted(one for one in names if re.fullmatch(r"word/header\d*\.xml", one))
    footers = sorted(one for one in names if re.fullmatch(r"word/footer\d*\.xml", one))
    notes = [one for one in ("word/footnotes.xml", "word/endnotes.xml") if one in names]
    return [*headers, _BODY, *notes, *footers]


def read(source: Source) -> Iterator[Piece]:
    flow = Flow()
    with archive.opened(source) as opened:
        styles, lists = _styles(opened)
        for part in _parts(opened.names):
            walk = _Walk(flow, styles, lists)
            with opened.member(part) as stream:
                xml_events.walk(stream, start=walk.start, end=walk.end, text=walk.text)
    yield flow.text(), source.metadata
