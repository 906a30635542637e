"""Comments of Office documents: of Word, of Excel (notes and threads), of PowerPoint (both kinds)."""

from __future__ import annotations

from fastback.retrieval.extraction.formats.document_flow import DocumentFlow
from fastback.retrieval.extraction.formats.xml_events import Attributes, get_attribute

_COMMENT_ELEMENTS = ("comment", "threadedComment", "cm", "reply")


class _Comment:
    def __init__(self, attributes: Attributes) -> None:
        self.author = get_attribute(attributes, "author")
        self.cell = get_attribute(attributes, "ref")
        self.parts: list[str] = []

    def format_line(self) -> str:
        """Return the comment in one line; empty where it has no text."""
        text = " ".join("".join(self.parts).split())
        cell = f" on {self.cell}" if self.cell else ""
        author = f" by {self.author}" if self.author else ""
        return f"Comment{cell}{author}: {text}" if text else ""


class CommentReader:
    """Write comments to a flow, each in one line."""

    def __init__(self) -> None:
        self.flow = DocumentFlow()
        self._comments: list[_Comment] = []
        self._text_depth = 0
        self._is_thread = False
        self._cells_with_threads: set[str] = set()

    def begin_part(self, *, is_thread: bool) -> None:
        """Begin a part. Its comments on cells are skipped where a thread, which they repeat, was read before."""
        self._is_thread = is_thread
        self._comments.clear()
        self._text_depth = 0

    def start_element(self, name: str, attributes: Attributes) -> None:
        """Begin an element."""
        if name in _COMMENT_ELEMENTS:
            self._comments.append(_Comment(attributes))
        elif name in ("t", "text"):
            self._text_depth += 1

    def end_element(self, name: str) -> None:
        """End an element."""
        if name in ("t", "text"):
            self._text_depth -= 1
        elif name == "p" and self._comments:
            self._comments[-1].parts.append("\n")
        elif name in _COMMENT_ELEMENTS and self._comments:
            self._add_comment(self._comments.pop())

    def add_text(self, text: str) -> None:
        """Add characters."""
        if self._text_depth and self._comments:
            self._comments[-1].parts.append(text)

    def _add_comment(self, comment: _Comment) -> None:
        if self._is_thread:
            self._cells_with_threads.add(comment.cell)
        elif comment.cell in self._cells_with_threads:
            return
        self.flow.begin_paragraph()
        self.flow.write(comment.format_line())
        self.flow.end_paragraph()
