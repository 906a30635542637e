"""Records of Excel's binary format before 2007 (BIFF 5 and 8, [MS-XLS]), and the strings in them."""

from __future__ import annotations

import struct
from collections.abc import Iterator

CONTINUE = 0x3C
#: The version of Excel 97 to 2003, whose strings are Unicode.
BIFF_8 = 0x0600
#: A kind, and where its content begins and ends.
Record = tuple[int, int, int]


def list_records(data: bytes, offset: int) -> Iterator[Record]:
    """Yield the records from an offset on, to the end of the data."""
    last = len(data) - 4
    while offset <= last:
        kind, size = struct.unpack_from("<HH", data, offset)
        offset += 4
        yield kind, offset, min(offset + size, last + 4)
        offset += size


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
        runs = self.read_number(2) if flags & 8 else 0
        phonetics = self.read_number(4) if flags & 4 else 0
        text = self.read_characters(count, flags)
        self.skip(4 * runs + phonetics)
        return text

    def read_characters(self, count: int, flags: int) -> str:
        """Return characters. The flags say how wide they are; a record that continues them begins with its own."""
        parts: list[str] = []
        while True:
            shift = flags & 1
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
