"""Word documents as they were before 2007 (.doc).

The text stands in pieces all over a stream; a table of pieces says where and in which encoding. Marks in the text end
paragraphs (13) and cells (7), and surround fields (19, 20, 21).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction.formats import compound_file
from fastback.retrieval.extraction.formats.document_flow import row
from fastback.retrieval.extraction.formats.reader import Piece, Source, broken

_FIELD = re.compile("\x13[^\x13\x14\x15]*(?:\x14([^\x13\x14\x15]*))?\x15")
_MARKS = str.maketrans(
    {"\x0b": "\n", "\x0c": "\r", "\x1e": "-", "\xa0": " ", **dict.fromkeys("\x00\x01\x02\x03\x04\x05\x08\x1f")}
)
#: The first version that has pieces.
_WORD_97 = 0x00C1


def _pieces(main: bytes, table: bytes) -> str:
    """The text of the pieces, in order."""
    start, size = struct.unpack_from("<II", main, 0x01A2)
    clx = table[start : start + size]
    place = 0
    while place < len(clx) and clx[place] == 1:  # properties, which say nothing of the text
        place += 3 + struct.unpack_from("<H", clx, place + 1)[0]
    if place >= len(clx) or clx[place] != 2:
        raise broken("a Word document", "its table of pieces is missing.")
    (size,) = struct.unpack_from("<I", clx, place + 1)
    count = (size - 4) // 12
    place += 5
    ends = struct.unpack_from(f"<{count + 1}I", clx, place)
    place += 4 * (count + 1)
    found: list[str] = []
    for index in range(count):
        (where,) = struct.unpack_from("<I", clx, place + 8 * index + 2)
        length = max(ends[index + 1] - ends[index], 0)
        if where & 0x40000000:
            begin = (where & 0x3FFFFFFF) // 2
            found.append(main[begin : begin + length].decode("cp1252", "replace"))
        else:
            found.append(main[where : where + 2 * length].decode("utf-16-le", "replace"))
    return "".join(found)


def _readable(text: str) -> str:
    """Paragraphs apart; rows of tables in a line each.

    A row is `cell 7 cell 7 7`. Of a first cell with several paragraphs, all but the last are not known to be in it.
    """
    for _ in range(20):  # fields may stand in one another
        shorter = _FIELD.sub(lambda found: found[1] or "", text)
        if shorter == text:
            break
        text = shorter
    blocks: list[str] = []
    cells: list[str] = []
    in_table = False
    for paragraph in re.split("(?<=[\r\x07])", text.translate(_MARKS)):
        line, mark = paragraph[:-1].strip(), paragraph[-1:]
        if mark != "\x07":
            line = paragraph.strip()
            if cells and line:  # a paragraph of a cell that goes on
                cells.append(line)
            elif line:
                blocks.append(line)
                in_table = False
            continue
        if not line and cells:
            made = row(cells)
            blocks[-1:] = [f"{blocks[-1]}\n{made}"] if in_table else [*blocks[-1:], made]
            cells, in_table = [], True
        else:
            cells.append(line)
    blocks.extend(cells)
    return "\n\n".join(blocks)


def read(source: Source) -> Iterator[Piece]:
    with compound_file.opened(source) as streams:
        main = streams.content("WordDocument")
        if len(main) < 0x200:
            raise broken("a Word document")
        version, flags = struct.unpack_from("<H", main, 2)[0], struct.unpack_from("<H", main, 0x0A)[0]
        if flags & 0x0100:
            raise JobFailed("This document is protected by a password. Upload it without one.")
        try:
            if version < _WORD_97:
                first, last = struct.unpack_from("<II", main, 0x18)
                text = main[first:last].decode("cp1252", "replace")
            else:
                text = _pieces(main, streams.content("1Table" if flags & 0x0200 else "0Table"))
        except struct.error:
            raise broken("a Word document", "it is damaged.") from None
    yield _readable(text), source.metadata
