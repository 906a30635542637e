"""HTML: what is seen of a page, block by block."""

from __future__ import annotations

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from fastback.retrieval.extraction.formats.document_flow import Flow
from fastback.retrieval.extraction.formats.plain_text import text_of
from fastback.retrieval.extraction.formats.reader import Piece, Source, broken

#: What is not seen.
_SILENT = frozenset(
    ("script", "style", "noscript", "template", "svg", "head", "iframe", "object", "canvas", "datalist", "-comment")
)
_BLOCKS = frozenset(
    """
    address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure
    footer form h1 h2 h3 h4 h5 h6 header hr legend li main nav ol option p pre section summary table tbody td
    tfoot th thead tr ul
    """.split()  # noqa: SIM905
)
#: Elements that close only where they say so.
_TAG = re.compile(
    r"<(/?)(?:address|article|aside|blockquote|center|details|div|dl|fieldset|figure|footer|form|header|main|nav|ol|"
    r"section|span|table|ul|[a-z]+-[a-z-]+)\b",
    re.IGNORECASE,
)
_DEEPEST = 20_000
_BLANKS = re.compile(r"[ \t\r\n\f\v\xa0]+")


class _Walk:
    """Goes through the tree without recursion: pages may be nested as deep as they like."""

    def __init__(self) -> None:
        self.flow = Flow()
        self._line: list[str] = []
        self._lists = 0
        self._item = False
        self._pre = 0

    def page(self, root: LexborNode) -> None:
        node: LexborNode | None = root
        while node is not None:
            silent = node.tag in _SILENT
            if not silent:
                self._enter(node)
                if node.child is not None:
                    node = node.child
                    continue
                self._leave(node.tag)
            while node is not None and node.next is None:
                node = node.parent
                if node is None or node.mem_id == root.mem_id:
                    if node is not None:
                        self._leave(node.tag)
                    return
                self._leave(node.tag)
            node = node.next if node is not None else None

    def _enter(self, node: LexborNode) -> None:
        tag = node.tag
        if tag == "-text":
            text = node.text_content or ""
            self._line.append(text if self._pre else _BLANKS.sub(" ", text))
            return
        if tag == "br":
            self._line.append("\n")
            return
        if tag in _BLOCKS:
            self._settle()
        match tag:
            case "ul" | "ol":
                self._lists += 1
            case "li":
                self._item = True
            case "pre":
                self._pre += 1
            case "table":
                self.flow.begin_table()
            case "img":
                if alt := (node.attributes.get("alt") or "").strip():
                    self._line.append(f" {alt} ")

    def _leave(self, tag: str | None) -> None:
        if tag not in _BLOCKS:
            return
        level = int(tag[1]) if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit() else 0
        self._settle(level)
        match tag:
            case "ul" | "ol":
                self._lists = max(self._lists - 1, 0)
            case "li":
                self._item = False
            case "pre":
                self._pre = max(self._pre - 1, 0)
            case "td" | "th":
                self.flow.end_cell()
            case "tr":
                self.flow.end_row()
            case "table":
                self.flow.end_row()
                self.flow.end_table()

    def _settle(self, level: int = 0) -> None:
        """End the paragraph that is open."""
        text = "".join(self._line)
        self._line = []
        if not self._pre:
            text = "\n".join(_BLANKS.sub(" ", line).strip() for line in text.split("\n"))
        if not text.strip():
            return
        self.flow.begin_paragraph()
        self.flow.write(text.strip("\n") if self._pre else text)
        self.flow.end_paragraph(level=level, item=max(self._lists, 1) if self._item else 0)
        self._item = False


def _check_depth(content: str) -> None:
    """Refuse what takes the parser ages: it looks at all open elements for each that is opened."""
    depth = 0
    for tag in _TAG.finditer(content):
        depth = max(depth - 1, 0) if tag[1] else depth + 1
        if depth > _DEEPEST:
            raise broken("a page", "it is nested too deeply.")


def page_text(content: str) -> tuple[str, str]:
    """The title and the text of a page."""
    _check_depth(content)
    page = LexborHTMLParser(content)
    heading = page.css_first("title")
    title = " ".join(heading.text().split()) if heading is not None else ""
    walk = _Walk()
    root = page.body or page.root
    if root is not None:
        walk.page(root)
    return title, walk.flow.text()


def read(source: Source) -> Iterator[Piece]:
    title, text = page_text(text_of(source))
    yield text, {**source.metadata, "title": title}
