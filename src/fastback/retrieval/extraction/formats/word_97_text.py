"""The text of Word documents since Word 97: its pieces, and which characters of it are shown."""

from __future__ import annotations

import struct
from bisect import bisect_right

from fastback.retrieval.extraction.formats.reader import MAX_TEXT, too_much_text, unreadable_file

_PIECES = 0x01A2
_IS_COMPRESSED = 0x40000000
_FIELD_BEGIN, _FIELD_SEPARATOR, _FIELD_END = "\x13\x14\x15"
#: What hidden characters become, so that positions stay the same.
HIDDEN = "\0"


class PieceTable:
    """The pieces of a text: first and last position in the text, first byte in the main stream, bytes per character.

    Raises:
        JobFailed: the table is missing, or the text is too long.
        struct.error: the table is damaged.
    """

    def __init__(self, main: bytes, table: bytes) -> None:
        self._main = main
        start, size = struct.unpack_from("<II", main, _PIECES)
        content = table[start : start + size]
        position = 0
        while position < len(content) and content[position] == 1:  # formatting properties
            position += 3 + struct.unpack_from("<H", content, position + 1)[0]
        if position >= len(content) or content[position] != 2:
            raise unreadable_file("a Word document", "its table of pieces is missing.")
        (size,) = struct.unpack_from("<I", content, position + 1)
        count = (size - 4) // 12
        position += 5
        positions = struct.unpack_from(f"<{count + 1}I", content, position)
        position += 4 * (count + 1)
        self._pieces: list[tuple[int, int, int, int]] = []
        for index in range(count):
            (offset,) = struct.unpack_from("<I", content, position + 8 * index + 2)
            first, last = positions[index], max(positions[index + 1], positions[index])
            if offset & _IS_COMPRESSED:
                self._pieces.append((first, last, (offset & (_IS_COMPRESSED - 1)) // 2, 1))
            else:
                self._pieces.append((first, last, offset, 2))
        self._starts = [piece[0] for piece in self._pieces]

    def read_text(self) -> str:
        """Return the text; a character beyond U+FFFF is two surrogates, as positions count them."""
        parts: list[str] = []
        length = 0
        for first, last, offset, width in self._pieces:
            length += last - first
            if length > 2 * MAX_TEXT:
                raise too_much_text()
            content = self._main[offset : offset + (last - first) * width]
            text = content.decode("utf-16-le" if width == 2 else "cp1252", "replace")
            if len(text) != last - first:
                text = (
                    "".join(map(chr, struct.unpack(f"<{len(content) // 2}H", content[: len(content) // 2 * 2])))
                    if width == 2
                    else text
                )
                text = text.ljust(last - first, HIDDEN)
            parts.append(text)
        return "".join(parts)

    def find_offset(self, position: int) -> int:
        """Return the byte of the main stream in which the character at a position begins; -1 outside of the text."""
        index = bisect_right(self._starts, position) - 1
        if index < 0:
            return -1
        first, _, offset, width = self._pieces[index]
        return offset + (position - first) * width

    def list_positions(self, ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return the positions in the text of ranges of the main stream, which are in order."""
        ends = [end for _, end in ranges]
        positions: list[tuple[int, int]] = []
        for first, last, offset, width in self._pieces:
            stop = offset + (last - first) * width
            index = bisect_right(ends, offset)
            while index < len(ranges) and ranges[index][0] < stop:
                start, end = max(ranges[index][0], offset), min(ranges[index][1], stop)
                positions.append((first + (start - offset) // width, first + (end - offset) // width))
                index += 1
        return positions


def list_field_codes(text: str) -> list[tuple[int, int]]:
    """Return the positions of what readers do not see of fields: the codes, and the marks around codes and results."""
    ranges: list[tuple[int, int]] = []
    begins: list[int] = []
    for position, character in _list_field_marks(text):
        if character == _FIELD_BEGIN:
            begins.append(position)
        elif character == _FIELD_SEPARATOR and begins:
            ranges.append((begins.pop(), position + 1))
            begins.append(-1)
        elif character == _FIELD_END and begins:
            begin = begins.pop()
            ranges.append((begin if begin >= 0 else position, position + 1))
    return ranges


def _list_field_marks(text: str) -> list[tuple[int, str]]:
    marks: list[tuple[int, str]] = []
    for mark in (_FIELD_BEGIN, _FIELD_SEPARATOR, _FIELD_END):
        position = text.find(mark)
        while position >= 0:
            marks.append((position, mark))
            position = text.find(mark, position + 1)
    return sorted(marks)


def hide_ranges(text: str, ranges: list[tuple[int, int]]) -> str:
    """Return the text with the characters of some ranges hidden."""
    parts: list[str] = []
    position = 0
    for start, end in sorted(ranges):
        if end <= position:
            continue
        start = max(start, position)
        parts += (text[position:start], HIDDEN * (end - start))
        position = end
    parts.append(text[position:])
    return "".join(parts)


def join_surrogates(text: str) -> str:
    """Return the text without hidden characters; two surrogates become the character that they stand for."""
    return text.replace(HIDDEN, "").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
