"""Word documents of the binary format, used before 2007 (.doc).

The text consists of pieces that are spread over a stream; a piece table gives their positions and encodings. Control
characters in the text end paragraphs (13) and cells (7), and enclose fields (19, 20, 21).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import suppress

from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction.formats import compound_file, word_95_text
from fastback.retrieval.extraction.formats.document_flow import format_row
from fastback.retrieval.extraction.formats.reader import ExtractedText, SourceFile, unreadable_file
from fastback.retrieval.extraction.formats.word_97 import CONTROL_CHARACTERS, Word97Document
from fastback.retrieval.extraction.formats.word_97_text import PieceTable, join_surrogates

_FIELD = re.compile("\x13[^\x13\x14\x15]*(?:\x14([^\x13\x14\x15]*))?\x15")
_PARAGRAPH_END = re.compile("(?<=[\r\x07])")
#: The first version that has a piece table.
_WORD_97 = 0x00C1


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
    for paragraph in _PARAGRAPH_END.split(text.translate(CONTROL_CHARACTERS)):
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


def _read_word_97(main: bytes, table: bytes) -> str:
    """Return the text of a document; without its structure where the properties of paragraphs are damaged."""
    with suppress(struct.error, IndexError):
        document = Word97Document(main, table)
        if document.paragraphs:
            return document.read_text()
    return _format_paragraphs(join_surrogates(PieceTable(main, table).read_text()))


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
                text = _format_paragraphs(word_95_text.read_text(main))
            else:
                text = _read_word_97(main, streams.read_stream("1Table" if flags & 0x0200 else "0Table"))
        except struct.error:
            raise unreadable_file("a Word document", "it is damaged.") from None
    yield text, source.metadata
