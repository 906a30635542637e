"""Measure an OpenDocument spreadsheet before it is read, to choose between two readers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from fastback.retrieval.extraction.formats.sheet_extent import SheetExtent

_CHUNK_SIZE = 1 << 18
_MAX_ROW_SIZE = 1 << 23
#: Patterns that begin with a literal are fast.
_ROW_END = re.compile(rb"/(?:[^\s<>/:]+:)?table-row\s*>")
_TABLE_START = re.compile(rb"<(?:[^\s<>/:]+:)?table[\s>]")
_ROW_TAG = re.compile(rb"table-row((?=[\s/>])[^<]*)")
_CELL_TAG = re.compile(rb"<(?:[^\s<>/:]+:)?(?:covered-)?table-cell((?=[\s/>])[^<]*)")
_REPEATS = re.compile(rb'-repeated="([0-9]{1,7})"')
#: Elements that only one of the readers reads: comments and shapes.
_NOTES = (b"annotation", b"<draw:", b"shapes>")


class _UnusualContent(Exception):
    """The content is not written as usual programs do."""


def _split_rows(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the content up to the end of each row; what follows the last row is not yielded."""
    rest = b""
    while chunk := stream.read(_CHUNK_SIZE):
        content = rest + chunk
        if any(note in content for note in _NOTES):
            raise _UnusualContent
        *rows, rest = _ROW_END.split(content)
        yield from rows
        if len(rest) > _MAX_ROW_SIZE:
            raise _UnusualContent


def _read_repeats(attributes: bytes) -> int:
    """Return how often a row or a cell is repeated."""
    if b"repeated" not in attributes:
        return 1
    match = _REPEATS.search(attributes)
    if match is None:
        raise _UnusualContent
    return int(match[1])


def _measure_row(content: bytes) -> tuple[int, int]:
    """Return the number of cells that are not empty, and the number of columns up to the last of them.

    Both are approximate before the first repeated cell: no fewer columns than there are, and no more cells.
    """
    first_repeated = content.find(b"repeated", content.find(b"table-cell"))
    if first_repeated < 0:
        columns = content.count(b"table-cell")  # of tags and end tags
        return columns // 2, columns
    tail = content[content.rfind(b"<", 0, first_repeated) :]
    columns = last_column = content.count(b"table-cell", 0, len(content) - len(tail))
    cells = columns // 2
    tags = list(_CELL_TAG.finditer(tail))
    for tag, following in zip(tags, [*tags[1:], None], strict=True):
        repeats = _read_repeats(tag[1])
        columns += repeats
        if b"value-type" in tag[1] or tail.find(b":p", tag.end(), following.start() if following else None) >= 0:
            cells += repeats
            last_column = columns
    return cells, last_column


def measure_ods(stream: BinaryIO) -> SheetExtent | None:
    """Return the extent of all sheets below each other.

    The result is None where there are comments or shapes, or the content is not written as usual programs do. It is
    not parsed: that would take as long as reading it.
    """
    extent = SheetExtent()
    row = empty_rows = 0
    try:
        for content in _split_rows(stream):
            if b":table " in content and (match := _TABLE_START.search(content)):
                content = content[match.end() :]
                empty_rows = 0
            *earlier_rows, repeats = [_read_repeats(tag) for tag in _ROW_TAG.findall(content)] or [1]
            empty_rows += sum(earlier_rows)
            if b"value-type" not in content and b":p" not in content:
                empty_rows += repeats
                continue
            cells, columns = _measure_row(content)
            extent.cells += cells * repeats
            extent.add_range(row, row + empty_rows + repeats - 1, 0, columns - 1)
            row += empty_rows + repeats
            empty_rows = 0
    except _UnusualContent:
        return None
    return extent
