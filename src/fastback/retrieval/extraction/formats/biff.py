"""Records of Excel's binary format before 2007 (BIFF 5 and 8, [MS-XLS]), and the strings in them."""

from __future__ import annotations

import struct
from codecs import utf_16_le_decode
from collections.abc import Iterator
from contextlib import suppress

CONTINUE = 0x3C
#: The version of Excel 97 to 2003, whose strings are Unicode.
BIFF_8 = 0x0600
_RECORD_HEAD, _STRING_HEAD = struct.Struct("<HH"), struct.Struct("<HB")
RECORD_HEAD_SIZE = _RECORD_HEAD.size
#: Flags of strings.
_WIDE, _PHONETIC, _FORMATTED = 1, 4, 8
#: A kind, and where its content begins and ends.
Record = tuple[int, int, int]


def find_record(data: bytes, offset: int) -> Record | None:
    """Return the record at an offset; None at the end of the data."""
    if offset > len(data) - RECORD_HEAD_SIZE:
        return None
    kind, size = _RECORD_HEAD.unpack_from(data, offset)
    start = offset + RECORD_HEAD_SIZE
    return kind, start, min(start + size, len(data))


def list_records(data: bytes, offset: int) -> Iterator[Record]:
    """Yield the records from an offset on, to the end of the data."""
    while record := find_record(data, offset):
        yield record
        offset = record[2]


def list_continuations(data: bytes, end: int) -> list[tuple[int, int]]:
    """Return where the contents of the records begin and end that continue a record which ends at `end`."""
    ranges: list[tuple[int, int]] = []
    for kind, start, stop in list_records(data, end):
        if kind != CONTINUE:
            break
        ranges.append((start, stop))
    return ranges


class StringReader:
    """Read strings from a record and the records that continue it.

    Strings of BIFF 5 have an 8-bit `encoding`; it is empty for those of BIFF 8.

    Raises: struct.error, where the content ends early.
    """

    def __init__(self, data: bytes, ranges: list[tuple[int, int]], encoding: str = "") -> None:
        self._data = data
        self._ranges = ranges
        self._encoding = encoding
        self._index = 0
        self._position, self._end = ranges[0] if ranges else (0, 0)

    def _begin_range(self) -> None:
        self._index += 1
        if self._index >= len(self._ranges):
            raise struct.error("the content ends early")
        self._position, self._end = self._ranges[self._index]

    def skip(self, size: int) -> None:
        """Skip bytes."""
        while size > self._end - self._position:
            size -= self._end - self._position
            self._begin_range()
        self._position += size

    def read_number(self, size: int) -> int:
        """Return a number of `size` bytes; none is divided between records."""
        if self._position >= self._end:
            self._begin_range()
        start = self._position
        self._position += size
        if self._position > self._end:
            raise struct.error("the content ends early")
        return int.from_bytes(self._data[start : self._position], "little")

    def read_string(self, count_size: int = 2) -> str:
        """Return a string after the number of its characters; its formats and phonetics are skipped."""
        count = self.read_number(count_size)
        if self._encoding:
            return self._take(count).decode(self._encoding, "replace")
        flags = self.read_number(1)
        runs = self.read_number(2) if flags & _FORMATTED else 0
        phonetics = self.read_number(4) if flags & _PHONETIC else 0
        text = self.read_characters(count, flags)
        self.skip(4 * runs + phonetics)
        return text

    def read_strings(self) -> Iterator[str]:
        """Yield the strings of BIFF 8 that follow each other, up to the end of the content."""
        data = self._data
        with suppress(struct.error):
            while True:
                position, end = self._position, self._end
                while end - position >= _STRING_HEAD.size:
                    count, flags = _STRING_HEAD.unpack_from(data, position)
                    start = position + _STRING_HEAD.size
                    if flags & _WIDE:
                        count *= 2
                    if flags & (_PHONETIC | _FORMATTED) or start + count > end:
                        break
                    position = start + count
                    characters = data[start:position]
                    yield utf_16_le_decode(characters, "replace")[0] if flags & _WIDE else str(characters, "latin-1")
                self._position = position
                yield self.read_string()  # has more than characters, or begins or continues in the next record

    def read_characters(self, count: int, flags: int) -> str:
        """Return characters. The flags say how wide they are; a record that continues them begins with its own."""
        parts: list[str] = []
        while True:
            shift = flags & _WIDE
            size = min(count, (self._end - self._position) >> shift)
            parts.append(self._take(size << shift).decode("utf-16-le" if shift else "latin-1", "replace"))
            count -= size
            if count <= 0:
                return "".join(parts)
            self._begin_range()
            flags = self.read_number(1)

    def _take(self, size: int) -> bytes:
        start, self._position = self._position, min(self._position + size, self._end)
        return self._data[start : self._position]
