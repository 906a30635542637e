"""Word documents before Word 97, with fonts of several character sets; made by the tests."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import sample_documents

_TEXT_START, _TABLES_START = 1024, 3072


def word_95(
    parts: Sequence[tuple[str, str, int | None]],
    charsets: Sequence[int],
    *,
    language_id: int = 0x0409,
    default_font: int = 0,
    order: Sequence[int] = (),
) -> bytes:
    """Return a document of texts, each with its encoding and the number of its font, or None for the default font.

    `order` is that in which the parts are read, as the document's table of pieces says.
    """
    main = bytearray(6144)
    struct.pack_into("<HHHH", main, 0, 0xA5DC, 0x0068, 0, language_id)
    contents = [text.encode(encoding) for text, encoding, _ in parts]
    positions = [_TEXT_START]
    for content in contents:
        main[positions[-1] : positions[-1] + len(content)] = content
        positions.append(positions[-1] + len(content))
    struct.pack_into("<II", main, 0x18, _TEXT_START, positions[-1])
    tables_end = _TABLES_START

    def add_table(header_offset: int, content: bytes) -> None:
        nonlocal tables_end
        struct.pack_into("<II", main, header_offset, tables_end, len(content))
        main[tables_end : tables_end + len(content)] = content
        tables_end += len(content)

    add_table(0x60, struct.pack("<HHHHHHHH", 14, 1, 0, 0, 0, 0, 0, default_font))
    fonts = b"".join(bytes((9, 0, 0, 0, charset, 0)) + b"Ab\0\0" for charset in charsets)
    add_table(0xD0, struct.pack("<H", len(fonts) + 2) + fonts)
    page_number = 10
    add_table(0xB8, struct.pack("<IIH", positions[0], positions[-1], page_number))
    page = bytearray(512)
    struct.pack_into(f"<{len(positions)}I", page, 0, *positions)
    offset = 400
    for index, (_, _, font) in enumerate(parts):
        if font is not None:
            properties = bytes((85, 1, 74, 3, 1, 2, 3, 73, 1, 2, 3, 93)) + struct.pack("<H", font) + bytes((99, 24, 0))
            page[4 * len(positions) + index] = offset // 2
            page[offset : offset + 1 + len(properties)] = bytes((len(properties),)) + properties
            offset += 20
    page[511] = len(parts)
    main[page_number * 512 : (page_number + 1) * 512] = page
    if order:
        struct.pack_into("<H", main, 0x0A, 0x0004)
        characters = [0]
        for index in order:
            characters.append(characters[-1] + len(contents[index]))
        pieces = struct.pack(f"<{len(characters)}I", *characters)
        pieces += b"".join(struct.pack("<HIH", 0, positions[index], 0) for index in order)
        add_table(0x160, b"\1\2\0ab\2" + struct.pack("<I", len(pieces)) + pieces)
    return sample_documents.compound({"WordDocument": bytes(main)})
