"""Word documents since Word 97 (.doc): the text of the body, then notes, text boxes, comments, headers and footers."""

from __future__ import annotations

import re
import struct
from itertools import pairwise

from fastback.retrieval.extraction.formats.comments import format_comment
from fastback.retrieval.extraction.formats.document_flow import DocumentFlow
from fastback.retrieval.extraction.formats.word_97_properties import Paragraphs, list_deleted_ranges
from fastback.retrieval.extraction.formats.word_97_text import (
    PieceTable,
    hide_ranges,
    join_surrogates,
    list_field_codes,
)

#: Where the file header states the sizes of the parts of the text, which follow each other in this order.
_PART_SIZES = 0x4C
_PARTS = ("body", "footnotes", "headers", "macros", "comments", "endnotes", "boxes", "header boxes")
_SHOWN_PARTS = ("body", "footnotes", "endnotes", "boxes", "comments", "headers", "header boxes")
#: Where the file header states positions and sizes of the comments: references, texts, and authors.
_COMMENT_REFERENCES, _COMMENT_TEXTS, _COMMENT_AUTHORS = 0xBA, 0xC2, 0x1BA
_COMMENT_REFERENCE_SIZE = 30
_PARAGRAPH = re.compile("[^\r\x07\x0c]*[\r\x07\x0c]?")
#: A table in tables that is open at most.
_MAX_TABLES = 30
CONTROL_CHARACTERS = str.maketrans(
    {"\x0b": "\n", "\x0c": "\r", "\x1e": "-", "\xa0": " ", **dict.fromkeys("\x00\x01\x02\x03\x04\x05\x08\x0e\x1f")}
)


class Word97Document:
    """A document. Raises: struct.error, JobFailed, where it is damaged."""

    def __init__(self, main: bytes, table: bytes) -> None:
        self._main = main
        self._table = table
        self._pieces = PieceTable(main, table)
        self.paragraphs = Paragraphs(main, table)
        text = self._pieces.read_text()
        deleted = self._pieces.list_positions(list_deleted_ranges(main, table))
        self.text = hide_ranges(text, [*deleted, *list_field_codes(text)])

    def read_text(self) -> str:
        """Return the whole text."""
        flow = DocumentFlow()
        sizes = struct.unpack_from(f"<{len(_PARTS)}I", self._main, _PART_SIZES)
        starts: dict[str, tuple[int, int]] = {}
        position = 0
        for name, size in zip(_PARTS, sizes, strict=True):
            starts[name] = (position, min(position + size, len(self.text)))
            position += size
        for name in _SHOWN_PARTS:
            if name == "comments":
                for comment in self._list_comments(*starts[name]):
                    flow.add_block(comment)
            else:
                self._write_part(flow, *starts[name])
        return flow.join_blocks()

    def _write_part(self, flow: DocumentFlow, start: int, end: int) -> None:
        tables = 0
        for match in _PARAGRAPH.finditer(self.text, start, end):
            if match.start() == match.end():
                continue
            properties = self.paragraphs.get_properties(self._pieces.find_offset(match.end() - 1))
            depth = min(properties.tables, _MAX_TABLES)
            for _ in range(tables, depth):
                flow.begin_table()
            for _ in range(depth, tables):
                flow.end_row()
                flow.end_table()
            tables = depth
            if properties.ends_row:
                flow.end_row()
                continue
            flow.begin_paragraph()
            flow.write(_clean_text(match[0]))
            flow.end_paragraph(level=properties.level, item=properties.item)
            if tables and (match[0].endswith("\x07") or properties.ends_cell):
                flow.end_cell()
        for _ in range(tables):
            flow.end_row()
            flow.end_table()

    def _read_block(self, header_offset: int) -> bytes:
        start, size = struct.unpack_from("<II", self._main, header_offset)
        return self._table[start : start + size]

    def _list_comments(self, start: int, end: int) -> list[str]:
        """Return the comments, each in one line."""
        authors = self._list_authors()
        references, texts = self._read_block(_COMMENT_REFERENCES), self._read_block(_COMMENT_TEXTS)
        count = max(len(references) - 4, 0) // (4 + _COMMENT_REFERENCE_SIZE)
        positions = [start + position for (position,) in struct.iter_unpack("<I", texts[: len(texts) // 4 * 4])]
        comments: list[str] = []
        for index, (first, last) in enumerate(pairwise(positions)):
            author = ""
            if index < count:
                offset = 4 * (count + 1) + index * _COMMENT_REFERENCE_SIZE + 20
                (number,) = struct.unpack_from("<H", references, offset)
                author = authors[number] if number < len(authors) else ""
            if text := format_comment(_clean_text(self.text[first : min(last, end)]), author=author):
                comments.append(text)
        return comments

    def _list_authors(self) -> list[str]:
        content = self._read_block(_COMMENT_AUTHORS)
        authors: list[str] = []
        position = 0
        while position + 2 <= len(content):
            (size,) = struct.unpack_from("<H", content, position)
            authors.append(content[position + 2 : position + 2 + 2 * size].decode("utf-16-le", "replace"))
            position += 2 + 2 * size
        return authors


def _clean_text(text: str) -> str:
    """Return the visible characters of a paragraph or a comment."""
    return join_surrogates(text).rstrip("\r\x07\x0c").translate(CONTROL_CHARACTERS)
