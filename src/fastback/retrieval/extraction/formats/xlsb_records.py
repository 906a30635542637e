"""Records of the binary parts of .xlsb workbooks ([MS-XLSB]), and the strings in them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

_CHUNK_SIZE = 1 << 16
#: Bytes of the longest head.
_HEAD_SIZE = 6


class RecordReader:
    """Read the records of a stream one after the other. `data` from `position` on is what follows the last of them.

    A head is the kind in one or two bytes, and the size in up to four, seven bits of it in each. The highest bit of a
    byte says that another byte follows.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.data = b""
        self.position = 0

    def read_record(self) -> tuple[int, bytes] | None:
        """Return kind and content of the next record; None after the last, and for a record that is cut off."""
        if len(self.data) - self.position < _HEAD_SIZE and not self._read_more(_HEAD_SIZE, required=2):
            return None
        kind, size, length = _read_head(self.data, self.position)
        self.position += length
        if len(self.data) - self.position < size and not self._read_more(size, required=size):
            return None
        start = self.position
        self.position = start + size
        return kind, self.data[start : self.position]

    def _read_more(self, size: int, *, required: int) -> bool:
        """Read so that `size` bytes follow, where there are so many; return whether `required` bytes do."""
        rest = self.data[self.position :]
        self.data, self.position = rest + self._stream.read(max(size - len(rest), _CHUNK_SIZE)), 0
        return len(self.data) >= required


def _read_head(data: bytes, position: int) -> tuple[int, int, int]:
    """Return kind and size of a record, and the length of its head."""
    head = data[position : position + _HEAD_SIZE]
    if len(head) < _HEAD_SIZE:
        head += bytes(_HEAD_SIZE)
    kind, length = head[0], 1
    if kind & 0x80:
        kind |= head[1] << 8
        length = 2
    size = shift = 0
    while True:
        byte = head[length]
        length += 1
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80 or shift == 28:
            return kind, size, length


def list_records(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield kind and content of each record; a record that is cut off is left out."""
    reader = RecordReader(stream)
    while record := reader.read_record():
        yield record


def read_string(content: bytes, offset: int) -> str:
    """Return the string at an offset; empty where it is null. Raises: struct.error, where it is cut off."""
    (count,) = struct.unpack_from("<I", content, offset)
    if count == 0xFFFFFFFF:
        return ""
    if offset + 4 + 2 * count > len(content):
        raise struct.error("the string is cut off")
    return content[offset + 4 : offset + 4 + 2 * count].decode("utf-16-le", "replace")


def find_string_end(content: bytes, offset: int) -> int:
    """Return the offset behind the string at an offset."""
    (count,) = struct.unpack_from("<I", content, offset)
    return offset + 4 + (2 * count if count != 0xFFFFFFFF else 0)
