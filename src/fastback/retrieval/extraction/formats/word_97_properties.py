"""Properties of paragraphs and characters in Word documents since Word 97 ([MS-DOC]).

Pages of 512 bytes in the main stream map positions in that stream to properties. A property is a code of two bytes and
an operand.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator

import msgspec

_PAGE_SIZE = 512
_PAGE_NUMBER_MASK = 0x3FFFFF
#: Where the file header states positions and sizes in the table stream.
_STYLES, _CHARACTER_PAGES, _PARAGRAPH_PAGES = 0xA2, 0xFA, 0x102
#: Sizes of operands by the highest three bits of a code; in those with 6, the first byte is the size.
_OPERAND_SIZES = (1, 1, 2, 4, 2, 2, -1, 3)
_TABLE_DEFINITION = 0xD608  # the size has two bytes
_IN_TABLE, _ROW_END, _TABLE_DEPTH, _INNER_CELL, _INNER_ROW_END = 0x2416, 0x2417, 0x6649, 0x244B, 0x244C
_LIST_LEVEL, _LIST, _OUTLINE_LEVEL, _DELETED = 0x260A, 0x460B, 0x2640, 0x0800
_BODY_LEVEL = 9
#: Identifiers of built-in styles: headings are 1 to 9.
_TITLE_STYLE = 62
_NO_STYLE = 0xFFF
_MAX_STYLE_DEPTH = 12


class ParagraphProperties(msgspec.Struct, frozen=True):
    """How a paragraph is shown.

    Attributes:
        level: that of a heading, from 1; 0 for others.
        item: the depth of a list item, from 1; 0 for others.
        tables: how many tables the paragraph is in, each in a cell of the one around it.
        ends_cell, ends_row: whether its mark ends a cell or a row of the innermost table.
    """

    level: int = 0
    item: int = 0
    tables: int = 0
    ends_cell: bool = False
    ends_row: bool = False


def list_properties(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield code and value of each property; a value of more than four bytes is that of its first four."""
    position = 0
    while position + 2 < len(content):
        code = content[position] | content[position + 1] << 8
        position += 2
        if position >= len(content):
            return
        size = _OPERAND_SIZES[code >> 13]
        if code == _TABLE_DEFINITION:
            size = int.from_bytes(content[position : position + 2], "little") + 1
        elif size < 0:
            size = content[position] + 1
        yield code, int.from_bytes(content[position : position + min(size, 4)], "little")
        position += size


def _read_block(main: bytes, table: bytes, header_offset: int) -> bytes:
    start, size = struct.unpack_from("<II", main, header_offset)
    return table[start : start + size]


def _list_pages(main: bytes, table: bytes, header_offset: int) -> Iterator[bytes]:
    numbers = _read_block(main, table, header_offset)
    count = max(len(numbers) - 4, 0) // 8
    for (number,) in struct.iter_unpack("<I", numbers[4 * (count + 1) : 4 * (count + 1) + 4 * count]):
        start = (number & _PAGE_NUMBER_MASK) * _PAGE_SIZE
        page = main[start : start + _PAGE_SIZE]
        if len(page) == _PAGE_SIZE:
            yield page


def list_deleted_ranges(main: bytes, table: bytes) -> list[tuple[int, int]]:
    """Return begin and end of the text that was deleted while changes were tracked, in bytes of the main stream."""
    ranges: list[tuple[int, int]] = []
    for page in _list_pages(main, table, _CHARACTER_PAGES):
        runs = page[-1]
        if 5 * runs + 4 >= _PAGE_SIZE:
            continue
        positions = struct.unpack_from(f"<{runs + 1}I", page)
        for index in range(runs):
            offset = 2 * page[4 * (runs + 1) + index]
            properties = page[offset + 1 : offset + 1 + page[offset]] if offset else b""
            if b"\0\x08" in properties and any(
                code == _DELETED and value & 0xFF for code, value in list_properties(properties)
            ):
                ranges.append((positions[index], positions[index + 1]))
    return sorted(ranges)


class _Styles:
    """The properties that paragraphs have by their style."""

    def __init__(self, content: bytes) -> None:
        self._definitions: list[bytes] = []
        self._base_size = 10
        self._resolved: dict[int, tuple[int, int]] = {}
        if len(content) < 6:
            return
        header_size, _, self._base_size = struct.unpack_from("<HHH", content)
        position = 2 + header_size
        while position + 2 <= len(content):
            (size,) = struct.unpack_from("<H", content, position)
            self._definitions.append(content[position + 2 : position + 2 + size])
            position += 2 + size

    def get_level_and_item(self, style: int, depth: int = 0) -> tuple[int, int]:
        """Return the level of a style's headings, and the depth of its list items; 0 for neither."""
        if style not in self._resolved:
            self._resolved[style] = self._resolve(style, depth)
        return self._resolved[style]

    def _resolve(self, style: int, depth: int) -> tuple[int, int]:
        definition = self._definitions[style] if style < len(self._definitions) else b""
        if len(definition) < 10 or depth > _MAX_STYLE_DEPTH:
            return 0, 0
        identifier, base = struct.unpack_from("<HH", definition)
        identifier, base = identifier & 0xFFF, base >> 4
        level, item = self.get_level_and_item(base, depth + 1) if base not in (_NO_STYLE, style) else (0, 0)
        if 1 <= identifier <= 9:
            level = identifier
        elif identifier == _TITLE_STYLE:
            level = 1
        return _apply_properties(self._get_properties(definition), level, item)

    def _get_properties(self, definition: bytes) -> bytes:
        """Return the paragraph properties of a style, which follow its name."""
        name_size = int.from_bytes(definition[self._base_size : self._base_size + 2], "little")
        position = self._base_size + 2 + 2 * name_size + 2
        position += position & 1
        if position + 4 > len(definition):
            return b""
        (size,) = struct.unpack_from("<H", definition, position)
        return definition[position + 4 : position + 2 + size]


def _apply_properties(properties: bytes, level: int, item: int) -> tuple[int, int]:
    """Return the level of a heading and the depth of a list item after applying properties to them."""
    list_level = max(item - 1, 0)
    for code, value in list_properties(properties):
        if code == _OUTLINE_LEVEL:
            level = value + 1 if value < _BODY_LEVEL else 0
        elif code == _LIST_LEVEL:
            list_level = value
            item = list_level + 1 if item else 0
        elif code == _LIST:
            item = list_level + 1 if value else 0
    return level, item


class Paragraphs:
    """The properties of all paragraphs, by the position of their mark in the main stream."""

    def __init__(self, main: bytes, table: bytes) -> None:
        self._styles = _Styles(_read_block(main, table, _STYLES))
        runs: list[tuple[int, int, bytes]] = []
        for page in _list_pages(main, table, _PARAGRAPH_PAGES):
            count = page[-1]
            if 17 * count + 4 >= _PAGE_SIZE:
                continue
            positions = struct.unpack_from(f"<{count + 1}I", page)
            for index in range(count):
                offset = 2 * page[4 * (count + 1) + 13 * index]
                size = 2 * page[offset] - 1 if page[offset] else 2 * page[offset + 1]
                start = offset + (1 if page[offset] else 2)
                runs.append((positions[index], positions[index + 1], page[start : start + size] if offset else b""))
        runs.sort(key=lambda run: run[:2])
        self._starts = [start for start, _, _ in runs]
        self._runs = runs

    def __bool__(self) -> bool:
        return bool(self._runs)

    def get_properties(self, position: int) -> ParagraphProperties:
        """Return the properties of the paragraph whose mark is at a position."""
        index = bisect_right(self._starts, position) - 1
        if index < 0 or position >= self._runs[index][1]:
            return ParagraphProperties()
        content = self._runs[index][2]
        style = int.from_bytes(content[:2], "little")
        level, item = _apply_properties(content[2:], *self._styles.get_level_and_item(style))
        values = dict(list_properties(content[2:]))
        tables = max(values.get(_TABLE_DEPTH, 0), values.get(_IN_TABLE, 0) & 1)
        ends_row = bool(values.get(_ROW_END) or values.get(_INNER_ROW_END))
        return ParagraphProperties(level, item, tables, bool(values.get(_INNER_CELL)), ends_row)
