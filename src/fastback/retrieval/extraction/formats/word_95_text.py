"""The text of Word documents before Word 97, whose characters have one or two bytes.

The character set of a run's font says how to decode the run; where the font says nothing, the language of the document
does. Positions in the file header are those of Word 6 and 95.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator

from fastback.retrieval.extraction.formats.code_pages import CHARSET_ENCODINGS, find_language_encoding

_TEXT_RANGE, _STYLES, _FORMAT_PAGES, _FONTS, _PIECES = 0x18, 0x60, 0xB8, 0xD0, 0x160
#: The bit in the flags of a document that was saved without reordering its pieces.
_FLAGS, _IS_COMPLEX = 0x0A, 0x0004
#: The character set of documents from a Macintosh.
_MAC = 0x0100
#: The character set of Western European fonts.
_ANSI = 0
_PAGE_SIZE = 512
#: Sizes of the operands of character properties, by code; -1 where the first byte of the operand is its size.
_OPERAND_SIZES = {
    **dict.fromkeys((65, 66, 67, 71, 75, *range(85, 93), 94, 98, 100, 102, 104, 117, 118), 1),
    **dict.fromkeys((69, 72, 80, 93, 96, 97, 99, 101, 107, 109, 110), 2),
    73: 3, 95: 3, 70: 4, 83: 0,
}  # fmt: skip
_VARIABLE_OPERANDS = frozenset((68, 74, 76, 77, 78, 79, 81, 82, 103, 105, 106, 108))
_FONT_PROPERTY = 93
#: Positions in the text, and the encoding of what is between them.
Run = tuple[int, int, str]


def _find_default_encoding(main: bytes) -> str:
    """Return the encoding of the Macintosh, or of the language that a document was written in."""
    (language_id,) = struct.unpack_from("<H", main, 6)
    (character_set,) = struct.unpack_from("<H", main, 0x14)
    return "mac_roman" if character_set == _MAC else find_language_encoding(language_id)


def _read_block(main: bytes, header_offset: int) -> bytes:
    """Return the block whose position and size a header field states."""
    start, size = struct.unpack_from("<II", main, header_offset)
    return main[start : start + size]


def _read_font_encodings(main: bytes) -> list[str]:
    """Return the encoding of each font; empty where its character set says nothing.

    Western European fonts say nothing: old programs name them for all languages.
    """
    fonts = _read_block(main, _FONTS)
    encodings: list[str] = []
    position = 2
    while position + 5 <= len(fonts):
        character_set = fonts[position + 4]
        encodings.append(CHARSET_ENCODINGS.get(character_set, "") if character_set != _ANSI else "")
        position += fonts[position] + 1
    return encodings


def _read_default_font(main: bytes) -> int:
    """Return the font of text whose properties name none."""
    styles = _read_block(main, _STYLES)
    return int.from_bytes(styles[14:16], "little")


def _find_font(properties: bytes, default: int) -> int:
    """Return the font that character properties name."""
    position = 0
    font = default
    while position < len(properties):
        code = properties[position]
        position += 1
        if code in _VARIABLE_OPERANDS:
            size = properties[position] + 1 if position < len(properties) else 0
        elif code in _OPERAND_SIZES:
            size = _OPERAND_SIZES[code]
        else:
            break  # of an unknown size
        if code == _FONT_PROPERTY:
            font = int.from_bytes(properties[position : position + 2], "little")
        position += size
    return font


def _list_format_runs(main: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield begin, end and character properties of the runs of a document."""
    pages = _read_block(main, _FORMAT_PAGES)
    count = (len(pages) - 4) // 6
    for (number,) in struct.iter_unpack("<H", pages[4 * (count + 1) : 4 * (count + 1) + 2 * count]):
        page = main[number * _PAGE_SIZE : (number + 1) * _PAGE_SIZE]
        if len(page) < _PAGE_SIZE:
            continue
        runs = page[-1]
        if 5 * runs + 4 >= _PAGE_SIZE:
            continue
        positions = struct.unpack_from(f"<{runs + 1}I", page)
        for index in range(runs):
            offset = 2 * page[4 * (runs + 1) + index]
            properties = page[offset + 1 : offset + 1 + page[offset]] if offset else b""
            yield positions[index], positions[index + 1], properties


def _list_encoded_runs(main: bytes) -> list[Run]:
    """Return the runs whose font says how they are encoded, in order."""
    encodings = _read_font_encodings(main)
    if not any(encodings):
        return []
    default_font = _read_default_font(main)
    runs: list[Run] = []
    for start, end, properties in sorted(_list_format_runs(main)):
        font = _find_font(properties, default_font)
        encoding = encodings[font] if font < len(encodings) else ""
        if not encoding or start >= end or (runs and start < runs[-1][1]):
            continue
        if runs and runs[-1][1:] == (start, encoding):
            start = runs.pop()[0]
        runs.append((start, end, encoding))
    return runs


def _list_pieces(main: bytes) -> list[tuple[int, int]]:
    """Return begin and end of the pieces of the text, in reading order."""
    (flags,) = struct.unpack_from("<H", main, _FLAGS)
    start, end = struct.unpack_from("<II", main, _TEXT_RANGE)
    pieces = _read_block(main, _PIECES) if flags & _IS_COMPLEX else b""
    position = 0
    while position < len(pieces) and pieces[position] == 1:  # formatting properties
        position += 3 + struct.unpack_from("<H", pieces, position + 1)[0]
    if position >= len(pieces) or pieces[position] != 2:
        return [(start, end)]
    # The size of the table has four bytes.
    (size,) = struct.unpack_from("<I", pieces, position + 1)
    count = max(size - 4, 0) // 12
    position += 5
    positions = struct.unpack_from(f"<{count + 1}I", pieces, position)
    ranges: list[tuple[int, int]] = []
    for index in range(count):
        (offset,) = struct.unpack_from("<I", pieces, position + 4 * (count + 1) + 8 * index + 2)
        ranges.append((offset, offset + max(positions[index + 1] - positions[index], 0)))
    return ranges


def read_text(main: bytes) -> str:
    """Return the text of a document. Raises: struct.error, where it is damaged."""
    default = _find_default_encoding(main)
    runs = _list_encoded_runs(main)
    starts = [start for start, _, _ in runs]
    parts: list[str] = []
    for start, end in _list_pieces(main):
        position = start
        index = max(bisect_right(starts, start) - 1, 0)
        while index < len(runs) and starts[index] < end:
            run_start, run_end, encoding = runs[index]
            index += 1
            first, last = max(run_start, position), min(run_end, end)
            if first >= last:
                continue
            parts.append(main[position:first].decode(default, "replace"))
            parts.append(main[first:last].decode(encoding, "replace"))
            position = last
        parts.append(main[position:end].decode(default, "replace"))
    return "".join(parts)
