"""Comments of Office documents: of Word, of Excel (notes and threads), of PowerPoint (both kinds)."""

from __future__ import annotations

import struct
from typing import BinaryIO

from fastback.retrieval.extraction.formats.cell_text import format_reference
from fastback.retrieval.extraction.formats.document_flow import DocumentFlow
from fastback.retrieval.extraction.formats.xlsb_records import list_records, read_string
from fastback.retrieval.extraction.formats.xml_events import Attributes, get_attribute

#: Records of .xlsb parts, kinds of two bytes as they are stored.
_AUTHOR_RECORD, _COMMENT_RECORD, _COMMENT_TEXT_RECORD = 0x04F8, 0x04FB, 0x04FD
_COMMENT_ELEMENTS = ("comment", "threadedComment", "cm", "reply")


def format_comment(text: str, *, cell: str = "", author: str = "") -> str:
    """Return a comment in one line; empty where it has no text."""
    text, author = " ".join(text.split()), " ".join(author.split())
    return f"Comment{f' on {cell}' if cell else ''}{f' by {author}' if author else ''}: {text}" if text else ""


class _Comment:
    def __init__(self, attributes: Attributes) -> None:
        self.author = get_attribute(attributes, "author")
        self.cell = get_attribute(attributes, "ref")
        self.parts: list[str] = []

    def format_line(self) -> str:
        """Return the comment in one line; empty where it has no text."""
        return format_comment("".join(self.parts), cell=self.cell, author=self.author)


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

    def read_records(self, stream: BinaryIO) -> None:
        """Read the comments of an .xlsb sheet, whose part is binary. Raises: struct.error, where it is damaged."""
        authors: list[str] = []
        cell = author = ""
        for record, content in list_records(stream):
            if record == _AUTHOR_RECORD:
                authors.append(read_string(content, 0))
            elif record == _COMMENT_RECORD:
                index, row, _, column = struct.unpack_from("<IIII", content)
                cell, author = format_reference(row, column), authors[index] if index < len(authors) else ""
            elif record == _COMMENT_TEXT_RECORD and cell not in self._cells_with_threads:
                self.flow.add_block(format_comment(read_string(content, 1), cell=cell, author=author))
