"""Rich text (.rtf)."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from fastback.retrieval.extraction.formats.code_pages import CHARSET_ENCODINGS
from fastback.retrieval.extraction.formats.comments import format_comment
from fastback.retrieval.extraction.formats.document_flow import DocumentFlow
from fastback.retrieval.extraction.formats.reader import (
    MAX_TEXT,
    ExtractedText,
    SourceFile,
    too_much_text,
    unreadable_file,
)
from fastback.retrieval.extraction.formats.rtf_groups import CHARACTER_WORDS, SKIPPED_GROUPS, Group, OpenParagraph

_TOKEN = re.compile(
    rb"\\([a-z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-f]{2})|\\([^a-z])|([{}])|[\r\n]+|([^\\{}\r\n]+)", re.IGNORECASE
)
_HEADING_STYLE = re.compile(
    rb"(?:heading (\d)|title);", re.IGNORECASE
)  #: Groups that are read though programs may ignore them.
_READ_IGNORABLE_GROUPS = (b"shptxt", b"shpinst", b"nestrow", b"footnote", b"annotation")
#: Properties of shapes that are texts: of decorative letters, and of who cannot see the shape.
_READ_SHAPE_PROPERTIES = (b"gtextUNICODE", b"wzDescription")
#: Kinds of insertions.
_NOTE, _COMMENT, _BOX = "note", "comment", "box"


class _RtfReader:
    """Interpret the tokens of a document, and write its text to a flow."""

    def __init__(self) -> None:
        self.flow = DocumentFlow()
        self._groups = [Group()]
        self._bytes = bytearray()
        # The open paragraph, and those around it, which notes and text boxes interrupt.
        self._paragraph = OpenParagraph()
        self._outer_paragraphs: list[OpenParagraph] = []
        self._notes: list[str] = []
        self._note: list[str] | None = None
        self._author = ""
        self._shape_property = b""
        self._encoding = "cp1252"
        self._font_encodings: dict[int, str] = {}
        self._font = 0
        # Levels of the heading styles.
        self._heading_levels: dict[int, int] = {}
        self._style = 0
        self._bytes_to_skip = 0
        self._high_surrogate = 0
        self._ignorable = False

    @property
    def _group(self) -> Group:
        return self._groups[-1]

    def _decode_bytes(self) -> None:
        """Decode the bytes that were collected, and add them to the paragraph."""
        if self._bytes:
            text = bytes(self._bytes).decode(self._group.encoding or self._encoding, "replace")
            self._bytes.clear()
            self._paragraph.parts.append(text)

    def _write_text(self, text: str) -> None:
        if not self._group.is_skipped:
            self._decode_bytes()
            self._paragraph.parts.append(text)

    def _end_paragraph(self) -> None:
        self._decode_bytes()
        text = "".join(self._paragraph.parts)
        self._paragraph.parts = []
        if not text.strip():
            return
        if self._note is not None:
            self._note.append(text)
            return
        self._set_table_open(self._paragraph.is_in_table)
        self.flow.begin_paragraph()
        self.flow.write(text)
        self.flow.end_paragraph(level=self._paragraph.level, item=self._paragraph.item)

    def _set_table_open(self, is_open: bool) -> None:
        """Begin a table, or end the open one."""
        paragraph = self._paragraph
        if is_open and not paragraph.has_table:
            self.flow.begin_table()
        elif paragraph.has_table and not is_open:
            self.flow.end_row()
            self.flow.end_table()
        paragraph.has_table = is_open

    def _begin_insertion(self, kind: str) -> None:
        """Begin what interrupts the open paragraph."""
        if self._group.insertion or self._note is not None:  # notes in notes do not exist
            return
        self._group.insertion = kind
        self._outer_paragraphs.append(self._paragraph)
        self._paragraph = OpenParagraph()
        if kind != _BOX:
            self._note = []

    def _end_insertion(self, kind: str) -> None:
        self._end_paragraph()
        if self._note is None:
            self._set_table_open(False)
        else:
            text = "\n".join(self._note)
            self._notes.append(format_comment(text, author=self._author) if kind == _COMMENT else text.strip())
            self._note = None
            self._author = ""
        self._paragraph = self._outer_paragraphs.pop()

    def handle_brace(self, is_opening: bool) -> None:
        """Begin or end a group."""
        self._decode_bytes()
        self._bytes_to_skip = 0
        if is_opening:
            if len(self._groups) > 10_000:
                raise unreadable_file("rich text", "it is nested too deeply.")
            self._groups.append(Group(self._group))
        elif len(self._groups) > 1:
            if kind := self._group.insertion:
                self._end_insertion(kind)
            self._groups.pop()

    def handle_bytes(self, content: bytes) -> None:
        """Collect encoded text."""
        if self._bytes_to_skip:
            content, self._bytes_to_skip = content[self._bytes_to_skip :], max(self._bytes_to_skip - len(content), 0)
        if not self._group.is_skipped:
            self._bytes += content
        elif self._group.is_stylesheet and self._style >= 0 and (match := _HEADING_STYLE.match(content)):
            self._heading_levels[self._style] = int(match[1] or 1)
        elif self._group.is_shape_name:
            self._shape_property += content
        elif self._group.is_author:
            self._author += content.decode(self._encoding, "replace")

    def handle_symbol(self, symbol: bytes) -> None:
        """Handle a control symbol: a backslash and one character that is not a letter."""
        self._ignorable = symbol == b"*"
        match symbol:
            case b"~":
                self._write_text(" ")
            case b"_":
                self._write_text("-")
            case b"{" | b"}" | b"\\":
                self.handle_bytes(symbol)
            case b"\n" | b"\r":
                self._end_paragraph()

    def handle_word(self, word: bytes, number: int | None) -> None:
        """Handle a control word, with its number where it has one."""
        ignorable, self._ignorable = self._ignorable, False
        group = self._group
        if word == b"stylesheet":
            group.is_skipped = group.is_stylesheet = True
            return
        if group.is_stylesheet:
            self._handle_style_word(word, number or 0)
            return
        if word in SKIPPED_GROUPS or (ignorable and word not in _READ_IGNORABLE_GROUPS):
            group.is_skipped = True
            group.is_font_table = word == b"fonttbl"
            group.is_author = word == b"atnauthor"
            self._author = "" if group.is_author else self._author
            return
        if group.is_font_table:
            if word == b"f" and number is not None:
                self._font = number
            elif word == b"fcharset" and number in CHARSET_ENCODINGS:
                self._font_encodings[self._font] = CHARSET_ENCODINGS[number]
            return
        if group.is_skipped and word != b"nestrow":  # this one ends a row of a table in a table
            return
        if character := CHARACTER_WORDS.get(word):
            self._write_text(character)
            return
        match word:
            case b"ansicpg" if number:
                self._encoding = _find_codec(f"cp{number}") or self._encoding
            case b"mac":
                self._encoding = "mac_roman"
            case b"f":
                self._decode_bytes()
                group.encoding = self._font_encodings.get(number or 0, "")
            case b"uc":
                group.skip = min(max(number or 0, 0), 16)
            case b"u" if number is not None:
                self._write_code_unit(number & 0xFFFF)
                self._bytes_to_skip = group.skip
            case b"par" | b"sect" | b"page":
                self._end_paragraph()
            case b"pard":
                self._paragraph.level = self._paragraph.item = 0
                self._paragraph.is_in_table = False
            case b"s" if number is not None:
                self._paragraph.level = self._heading_levels.get(number, 0)
            case b"intbl":
                self._paragraph.is_in_table = True
            case b"outlinelevel" if number is not None and number < 9:
                self._paragraph.level = number + 1
            case b"ls":
                self._paragraph.item = max(self._paragraph.item, 1) if number else 0
            case b"ilvl" if number is not None and 0 <= number < 9:
                self._paragraph.item = number + 1
            case b"deleted" if number != 0:
                self._decode_bytes()
                group.is_skipped = True
            case b"footnote":
                self._begin_insertion(_NOTE)
            case b"annotation":
                self._begin_insertion(_COMMENT)
            case b"shptxt":
                self._begin_insertion(_BOX)
            case b"sn":
                self._shape_property = b""
                group.is_skipped = group.is_shape_name = True
            case b"sv":
                self._begin_insertion(_BOX)
                group.is_skipped = self._shape_property.strip() not in _READ_SHAPE_PROPERTIES
            case b"cell" | b"nestcell":
                self._paragraph.is_in_table = True
                self._set_table_open(True)
                self._end_paragraph()
                self.flow.end_cell()
            case b"row" | b"nestrow":
                self.flow.end_row()

    def _handle_style_word(self, word: bytes, number: int) -> None:
        if word in (b"s", b"cs", b"ds", b"ts"):
            self._style = number if word == b"s" else -1
        elif word == b"outlinelevel" and self._style >= 0 and 0 <= number < 9:
            self._heading_levels[self._style] = number + 1

    def _write_code_unit(self, code: int) -> None:
        """Write a UTF-16 code unit; a character beyond U+FFFF comes as two."""
        if 0xD800 <= code < 0xDC00:
            self._high_surrogate = code
        elif 0xDC00 <= code < 0xE000:
            if self._high_surrogate:
                self._write_text(chr(0x10000 + ((self._high_surrogate - 0xD800) << 10) + code - 0xDC00))
            self._high_surrogate = 0
        else:
            self._write_text(chr(code))

    def finish(self) -> str:
        """End the last paragraph, and return the text."""
        while self._outer_paragraphs:
            self._end_insertion(_NOTE)
        self._end_paragraph()
        self._set_table_open(False)
        for note in self._notes:
            self.flow.add_block(note)
        return self.flow.join_blocks()


def _find_codec(encoding: str) -> str:
    """Return the name of Python's codec for an encoding; empty where Python has no such codec."""
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        return ""


def extract_rtf_text(content: bytes) -> str:
    """Return the text of rich text."""
    reader = _RtfReader()
    for token in _TOKEN.finditer(content):
        word, number, code, symbol, brace, raw = token.groups()
        if raw is not None:
            reader.handle_bytes(raw)
        elif word is not None:
            reader.handle_word(word, int(number) if number else None)
        elif code is not None:
            reader.handle_bytes(bytes((int(code, 16),)))
        elif brace is not None:
            reader.handle_brace(brace == b"{")
        elif symbol is not None:
            reader.handle_symbol(symbol)
    return reader.finish()


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield one document with the whole text."""
    if source.size > 4 * MAX_TEXT:
        raise too_much_text()
    with open(source.path, "rb") as file:
        content = file.read()
    yield extract_rtf_text(content), source.metadata
