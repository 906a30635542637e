"""HTML pages: the visible text, block by block."""

from __future__ import annotations

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from fastback.retrieval.extraction.formats.document_flow import DocumentFlow
from fastback.retrieval.extraction.formats.plain_text import read_whole_text
from fastback.retrieval.extraction.formats.reader import ExtractedText, SourceFile, unreadable_file

#: Elements whose content is not visible; the last are those of SVG, whose `text` is visible.
_INVISIBLE_ELEMENTS = frozenset(
    """
    script style noscript template head iframe canvas datalist -comment
    title desc metadata defs symbol
    """.split()  # noqa: SIM905
)
_BLOCK_ELEMENTS = frozenset(
    """
    address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure
    footer form h1 h2 h3 h4 h5 h6 header hr legend li main nav ol option p pre section summary table tbody td
    tfoot th thead tr ul svg text object
    """.split()  # noqa: SIM905
)
#: Elements that only an end tag closes; unclosed ones nest ever deeper.
_NESTING_TAG = re.compile(
    r"<(/?)(?:address|article|aside|blockquote|center|details|div|dl|fieldset|figure|footer|form|header|main|nav|ol|"
    r"section|span|table|ul|[a-z]+-[a-z-]+)\b",
    re.IGNORECASE,
)
_MAX_DEPTH = 20_000
_WHITE_SPACE = re.compile(r"[ \t\r\n\f\v\xa0]+")


class _PageReader:
    """Walk through the tree without recursion, as the nesting of a page has no limit."""

    def __init__(self) -> None:
        self.flow = DocumentFlow()
        self._line: list[str] = []
        self._list_depth = 0
        self._in_item = False
        self._pre_depth = 0

    def read_tree(self, root: LexborNode) -> None:
        """Write the text of a node and all nodes below it to the flow."""
        node: LexborNode | None = root
        while node is not None:
            invisible = node.tag in _INVISIBLE_ELEMENTS
            if not invisible:
                self._enter_node(node)
                if node.child is not None:
                    node = node.child
                    continue
                self._leave_node(node.tag)
            while node is not None and node.next is None:
                node = node.parent
                if node is None or node.mem_id == root.mem_id:
                    if node is not None:
                        self._leave_node(node.tag)
                    return
                self._leave_node(node.tag)
            node = node.next if node is not None else None

    def _enter_node(self, node: LexborNode) -> None:
        tag = node.tag
        if tag == "-text":
            text = node.text_content or ""
            self._line.append(text if self._pre_depth else _WHITE_SPACE.sub(" ", text))
            return
        if tag == "br":
            self._line.append("\n")
            return
        if tag in _BLOCK_ELEMENTS:
            self._end_paragraph()
        match tag:
            case "ul" | "ol":
                self._list_depth += 1
            case "li":
                self._in_item = True
            case "pre":
                self._pre_depth += 1
            case "table":
                self.flow.begin_table()
            case "tspan":
                if "dy" in node.attributes or "y" in node.attributes:  # a line of a text in SVG
                    self._line.append(" ")
            case "img":
                if alt := (node.attributes.get("alt") or "").strip():
                    self._line.append(f" {alt} ")

    def _leave_node(self, tag: str | None) -> None:
        if tag not in _BLOCK_ELEMENTS:
            return
        level = int(tag[1]) if len(tag) == 2 and tag[0] == "h" and tag[1].isdecimal() else 0
        self._end_paragraph(level)
        match tag:
            case "ul" | "ol":
                self._list_depth = max(self._list_depth - 1, 0)
            case "li":
                self._in_item = False
            case "pre":
                self._pre_depth = max(self._pre_depth - 1, 0)
            case "td" | "th":
                self.flow.end_cell()
            case "tr":
                self.flow.end_row()
            case "table":
                self.flow.end_row()
                self.flow.end_table()

    def _end_paragraph(self, level: int = 0) -> None:
        """End the open paragraph."""
        text = "".join(self._line)
        self._line = []
        if not self._pre_depth:
            text = "\n".join(_WHITE_SPACE.sub(" ", line).strip() for line in text.split("\n"))
        if not text.strip():
            return
        self.flow.begin_paragraph()
        self.flow.write(text.strip("\n") if self._pre_depth else text)
        self.flow.end_paragraph(level=level, item=max(self._list_depth, 1) if self._in_item else 0)
        self._in_item = False


def _check_depth(content: str) -> None:
    """Refuse a page that is nested too deeply.

    For each new element the parser looks at all open ones, so the time grows with the square of the depth.
    """
    depth = 0
    for tag in _NESTING_TAG.finditer(content):
        depth = max(depth - 1, 0) if tag[1] else depth + 1
        if depth > _MAX_DEPTH:
            raise unreadable_file("a page", "it is nested too deeply.")


def extract_page_text(content: str) -> tuple[str, str]:
    """Return the title and the text of a page."""
    _check_depth(content)
    page = LexborHTMLParser(content)
    title_node = page.css_first("title")
    title = " ".join(title_node.text().split()) if title_node is not None else ""
    reader = _PageReader()
    root = page.body or page.root
    if root is not None:
        reader.read_tree(root)
    return title, reader.flow.join_blocks()


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield one document with the visible text. Metadata: `title`."""
    title, text = extract_page_text(read_whole_text(source))
    yield text, {**source.metadata, "title": title}
