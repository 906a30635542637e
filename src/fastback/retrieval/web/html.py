"""Text out of web pages. Runs in a worker process: a large page takes a while, and pages come from strangers."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Any

from selectolax.lexbor import LexborHTMLParser, LexborNode

#: Elements whose content nobody reads.
_UNREAD = frozenset({"script", "style", "template"})
#: Elements that begin and end a line.
_BLOCKS = frozenset(
    "address article aside blockquote body br caption dd details dialog div dl dt fieldset figcaption figure "  # noqa: SIM905
    "footer form h1 h2 h3 h4 h5 h6 head header hgroup hr html legend li main menu nav ol optgroup option p pre "
    "search section select summary table tbody textarea tfoot thead title tr ul video".split()
)
_CELLS = frozenset({"td", "th"})
_SPACES = re.compile(r"[ \t\r\n\f\v\u00a0]+")
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_XML = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9_.:-]{1,40})")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def decoded(content: bytes, charset: str | None) -> str:
    """The text of a page, whatever it says of its letters: its mark, its header, its own words, the usual two."""
    mark = next((name for start, name in _MARKS if content.startswith(start)), None)
    own = _META.search(content, 0, 4096) or _XML.search(content, 0, 400)
    for name in (mark, charset, own.group(1).decode("ascii") if own else None, "utf-8"):
        if not name:
            continue
        try:
            return content.decode(name)
        except (UnicodeDecodeError, LookupError, ValueError):
            continue
    return content.decode("cp1252", "replace")


def _walked(root: LexborNode) -> Iterator[tuple[LexborNode, bool]]:
    """Each element and text below a node as it begins, each element also as it ends (True); not what nobody reads.

    Without recursion: a page may be nested as deep as it likes.
    """
    node: LexborNode | None = root
    top = root.mem_id
    while node is not None:
        yield node, False
        below = None if node.tag in _UNREAD else node.child
        if below is not None:
            node = below
            continue
        while node is not None:
            yield node, True
            if node.mem_id == top:  # nodes that are compared are written out
                return
            if node.next is not None:
                node = node.next
                break
            node = node.parent


class _Lines:
    """Gathers text, a line for each block."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._line: list[str] = []
        self._as_it_is = 0

    def read(self, root: LexborNode) -> None:
        for node, ends in _walked(root):
            tag = node.tag or ""
            if tag == "-text":
                if not ends:
                    self._line.append(node.text_content or "")
                continue
            if tag in _BLOCKS:
                self._end()
            elif tag in _CELLS:
                self._line.append(" ")
            if tag == "pre":
                self._as_it_is += -1 if ends else 1
        self._end()

    def _end(self) -> None:
        text = "".join(self._line)
        self._line.clear()
        text = text.strip("\r\n").rstrip() if self._as_it_is else _SPACES.sub(" ", text).strip()
        if text:
            self.lines.append(text)


def read(content: bytes, charset: str | None, *, markup: bool = True) -> dict[str, Any]:
    """The text of a page (of `markup`, or plain), and what it says of itself: `title`, `description`, `language`."""
    text = decoded(content, charset)
    if not markup:
        return {"text": text}
    page = LexborHTMLParser(text)
    lines = _Lines()
    if page.root is not None:
        lines.read(page.root)
    title, meta = page.css_first("title"), page.css_first('meta[name="description" i]')
    return {
        "text": "\n".join(lines.lines),
        "title": None if title is None else _SPACES.sub(" ", title.text()).strip(),
        "description": None if meta is None else meta.attributes.get("content") or "",
        "language": page.root.attributes.get("lang") if page.root is not None else None,
    }


def handle(job: dict[str, Any]) -> dict[str, Any]:
    """A job of the workers: `{"content", "charset", "markup"}`."""
    return read(job["content"], job["charset"], markup=job["markup"])
