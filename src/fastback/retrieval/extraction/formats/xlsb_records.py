"""Records of the binary parts of .xlsb workbooks ([MS-XLSB]), and the strings in them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

_CHUNK_SIZE = 1 << 16
#: Bytes of the longest head.
_HEAD_SIZE = 6


def list_records(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield kind and content of each record; a record that is cut off is left out.

    A head is the kind in one or two bytes, and the size in up to four, seven bits of it in each. The highest bit of a
    byte says that another byte follows.
    """
    data, position = b"", 0
    while True:
        if len(data) - position < _HEAD_SIZE:
            data, position = data[position:] + stream.read(_CHUNK_SIZE), 0
            if len(data) < 2:
                return
        head = data[position : position + _HEAD_SIZE] + bytes(_HEAD_SIZE)
        kind, size = head[0], 0
        length = 1
        if kind & 0x80:
            kind |= head[1] << 8
            length = 2
        for shift in (0, 7, 14, 21):
            byte = head[length]
            length += 1
            size |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
        position += length
        if len(data) - position < size:
            data, position = data[position:] + stream.read(max(size - len(data) + position, _CHUNK_SIZE)), 0
            if len(data) < size:
                return
        yield kind, data[position : position + size]
        position += size


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
