"""Word documents of the binary format, used before 2007 (.doc).

The text consists of pieces that are spread over a stream; a piece table gives their positions and encodings. Control
characters in the text end paragraphs (13) and cells (7), and enclose fields (19, 20, 21).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction.formats import compound_file, word_95_text
from fastback.retrieval.extraction.formats.document_flow import format_row
from fastback.retrieval.extraction.formats.reader import ExtractedText, SourceFile, unreadable_file

_FIELD = re.compile("\x13[^\x13\x14\x15]*(?:\x14([^\x13\x14\x15]*))?\x15")
_PARAGRAPH_END = re.compile("(?<=[\r\x07])")
_CONTROL_CHARACTERS = str.maketrans(
    {"\x0b": "\n", "\x0c": "\r", "\x1e": "-", "\xa0": " ", **dict.fromkeys("\x00\x01\x02\x03\x04\x05\x08\x1f")}
)
#: The first version that has a piece table.
_WORD_97 = 0x00C1


def _read_pieces(main: bytes, table: bytes) -> str:
    """Return the text of the pieces, in order."""
    start, size = struct.unpack_from("<II", main, 0x01A2)
    clx = table[start : start + size]
    position = 0
    while position < len(clx) and clx[position] == 1:  # formatting properties
        position += 3 + struct.unpack_from("<H", clx, position + 1)[0]
    if position >= len(clx) or clx[position] != 2:
        raise unreadable_file("a Word document", "its table of pieces is missing.")
    (size,) = struct.unpack_from("<I", clx, position + 1)
    count = (size - 4) // 12
    position += 5
    end_positions = struct.unpack_from(f"<{count + 1}I", clx, position)
    position += 4 * (count + 1)
    texts: list[str] = []
    for index in range(count):
        (offset,) = struct.unpack_from("<I", clx, position + 8 * index + 2)
        length = max(end_positions[index + 1] - end_positions[index], 0)
        if offset & 0x40000000:
            start_byte = (offset & 0x3FFFFFFF) // 2
            texts.append(main[start_byte : start_byte + length].decode("cp1252", "replace"))
        else:
            texts.append(main[offset : offset + 2 * length].decode("utf-16-le", "replace"))
    return "".join(texts)


def _format_paragraphs(text: str) -> str:
    """Return the text with a blank line between paragraphs, and each table row in one line.

    A row is `cell 7 cell 7 7`. Only the last paragraph of a row's first cell ends with 7, so the paragraphs before it
    cannot be recognised as parts of the cell.
    """
    for _ in range(20):  # fields may be nested
        shorter = _FIELD.sub(lambda match: match[1] or "", text)
        if shorter == text:
            break
        text = shorter
    blocks: list[str] = []
    cells: list[str] = []
    in_table = False
    for paragraph in _PARAGRAPH_END.split(text.translate(_CONTROL_CHARACTERS)):
        line, mark = paragraph[:-1].strip(), paragraph[-1:]
        if mark != "\x07":
            line = paragraph.strip()
            if cells and line:  # a paragraph of a cell that continues
                cells.append(line)
            elif line:
                blocks.append(line)
                in_table = False
            continue
        if not line and cells:
            table_row = format_row(cells)
            blocks[-1:] = [f"{blocks[-1]}\n{table_row}"] if in_table else [*blocks[-1:], table_row]
            cells, in_table = [], True
        else:
            cells.append(line)
    blocks.extend(cells)
    return "\n\n".join(blocks)


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield one document with the whole text."""
    with compound_file.open_compound_file(source) as streams:
        main = streams.read_stream("WordDocument")
        if len(main) < 0x200:
            raise unreadable_file("a Word document")
        version, flags = struct.unpack_from("<H", main, 2)[0], struct.unpack_from("<H", main, 0x0A)[0]
        if flags & 0x0100:
            raise JobFailed("This document is protected by a password. Upload it without one.")
        try:
            if version < _WORD_97:
                text = word_95_text.read_text(main)
            else:
                text = _read_pieces(main, streams.read_stream("1Table" if flags & 0x0200 else "0Table"))
        except struct.error:
            raise unreadable_file("a Word document", "it is damaged.") from None
    yield _format_paragraphs(text), source.metadata
