"""Word documents since Word 97, with properties of paragraphs and characters; made by the tests."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec

import sample_documents

_TEXT_START = 2048


class Paragraph(msgspec.Struct):
    """A paragraph with its mark, its style and properties, and whether changes were tracked that delete it."""

    text: str
    style: int = 0
    properties: bytes = b""
    is_deleted: bool = False


def one_byte(code: int, value: int = 1) -> bytes:
    return struct.pack("<HB", code, value)


def two_bytes(code: int, value: int) -> bytes:
    return struct.pack("<HH", code, value)


IN_TABLE, ROW_END, INNER_CELL, INNER_ROW_END = (one_byte(code) for code in (0x2416, 0x2417, 0x244B, 0x244C))


def table_depth(depth: int) -> bytes:
    return struct.pack("<HI", 0x6649, depth)


def _make_style(identifier: int, base: int, properties: bytes = b"") -> bytes:
    papx = struct.pack("<H", 0) + properties
    name = struct.pack("<H", 1) + "S".encode("utf-16-le") + b"\0\0"
    content = struct.pack("<HHHHH", identifier, base << 4 | 1, 2, 0, 0) + name + struct.pack("<H", len(papx)) + papx
    return struct.pack("<H", len(content)) + content


#: Normal, heading 2, one based on it, a list style, the title.
STYLES = b"".join(
    (
        struct.pack("<HHHHHHHHHH", 18, 5, 10, 0, 0, 0, 0, 0, 0, 0),
        _make_style(0, 0xFFF),
        _make_style(2, 0),
        _make_style(0xFFE, 1),
        _make_style(0xFFE, 0, two_bytes(0x460B, 1)),
        _make_style(62, 0),
    )
)


def doc(
    paragraphs: Sequence[Paragraph],
    *,
    parts: Sequence[Sequence[Paragraph]] = (),
    comments: Sequence[tuple[str, str]] = (),
) -> bytes:
    """Return a document of paragraphs. `parts` are footnotes and headers; `comments` have an author and a text."""
    comment_paragraphs = [Paragraph(f"\x05{text}\r") for _, text in comments]
    sections = [paragraphs, *parts, *[()] * (3 - len(parts)), comment_paragraphs]
    everything = [paragraph for section in sections for paragraph in section]
    contents = [paragraph.text.encode("utf-16-le") for paragraph in everything]
    positions = [_TEXT_START]
    for content in contents:
        positions.append(positions[-1] + len(content))
    main = bytearray(16 * 512)
    main[_TEXT_START : positions[-1]] = b"".join(contents)
    struct.pack_into("<HH", main, 0, 0xA5EC, 0x00C1)
    struct.pack_into("<H", main, 0x0A, 0x0200)
    sizes = [sum(len(p.text.encode("utf-16-le")) // 2 for p in section) for section in sections]
    struct.pack_into(f"<{len(sizes)}I", main, 0x4C, *sizes)
    table = bytearray()

    def add_block(header_offset: int, content: bytes) -> None:
        struct.pack_into("<II", main, header_offset, len(table), len(content))
        table.extend(content)

    pieces = struct.pack("<II", 0, sum(sizes)) + struct.pack("<HIH", 0, _TEXT_START, 0)
    add_block(0x01A2, b"\2" + struct.pack("<I", len(pieces)) + pieces)
    add_block(0xA2, STYLES)
    count = len(everything)
    ends = struct.pack("<II", positions[0], positions[-1])
    for header_offset, number, entry_size in ((0x102, 14, 13), (0xFA, 15, 1)):
        page = bytearray(512)
        page[511] = count
        struct.pack_into(f"<{count + 1}I", page, 0, *positions)
        position = 510
        for index, paragraph in enumerate(everything):
            content = struct.pack("<H", paragraph.style) + paragraph.properties
            if entry_size == 1:
                content = one_byte(0x0835) + one_byte(0x0800, int(paragraph.is_deleted))
                stored = bytes((len(content),)) + content
            else:
                stored = bytes(((len(content) + 1) // 2 + 0,)) + content
                stored = bytes((0, len(content) // 2)) + content if len(content) % 2 == 0 else stored
            position = (position - len(stored)) // 2 * 2
            page[position : position + len(stored)] = stored
            page[4 * (count + 1) + entry_size * index] = position // 2
        main[number * 512 : (number + 1) * 512] = page
        add_block(header_offset, ends + struct.pack("<I", number))
    references = struct.pack(f"<{len(comments) + 1}I", *range(len(comments) + 1))
    references += b"".join(bytes(20) + struct.pack("<H", index) + bytes(8) for index in range(len(comments)))
    add_block(0xBA, references if comments else b"")
    starts = [0]
    for paragraph in comment_paragraphs:
        starts.append(starts[-1] + len(paragraph.text))
    add_block(0xC2, struct.pack(f"<{len(starts) + 1}I", *starts, starts[-1] + 1) if comments else b"")
    authors = b"".join(struct.pack("<H", len(author)) + author.encode("utf-16-le") for author, _ in comments)
    add_block(0x1BA, authors)
    return sample_documents.compound({"WordDocument": bytes(main), "1Table": bytes(table)})
