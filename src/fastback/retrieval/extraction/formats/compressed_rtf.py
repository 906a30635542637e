"""Unpack rich text as Outlook's messages store it: [MS-OXRTFCP]."""

from __future__ import annotations

import struct

from fastback.retrieval.extraction.formats.reader import MAX_TEXT, too_much_text

_COMPRESSED, _UNCOMPRESSED = 0x75465A4C, 0x414C454D
_WINDOW_SIZE = 4096
#: What the window contains at the start, as the format defines it.
_WINDOW_START = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor "
    b"MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par "
    b"\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)


def unpack_rtf(content: bytes) -> bytes:
    """Return the rich text; empty where the content is damaged.

    Each control byte says of the next eight items whether they are a byte, or 12 bits of an offset in the window and
    four of a length.
    """
    if len(content) < 16:
        return b""
    _, size, magic, _ = struct.unpack_from("<IIII", content)
    if magic == _UNCOMPRESSED:
        return content[16 : 16 + size]
    if magic != _COMPRESSED:
        return b""
    window = bytearray(_WINDOW_START.ljust(_WINDOW_SIZE, b"\0"))
    output = bytearray()
    write, position = len(_WINDOW_START), 16

    def add_byte(byte: int) -> None:
        nonlocal write
        output.append(byte)
        window[write] = byte
        write = (write + 1) % _WINDOW_SIZE

    while position < len(content):
        control = content[position]
        position += 1
        for bit in range(8):
            if not control >> bit & 1:
                if position >= len(content):
                    return bytes(output)
                add_byte(content[position])
                position += 1
                continue
            if position + 2 > len(content):
                return bytes(output)
            (reference,) = struct.unpack_from(">H", content, position)
            position += 2
            offset = reference >> 4
            if offset == write:  # the end
                return bytes(output)
            for step in range((reference & 15) + 2):
                add_byte(window[(offset + step) % _WINDOW_SIZE])
        if len(output) > 4 * MAX_TEXT:
            raise too_much_text()
    return bytes(output)
