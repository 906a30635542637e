"""Rich text (.rtf)."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from fastback.retrieval.extraction.formats.code_pages import CHARSET_ENCODINGS
from fastback.retrieval.extraction.formats.document_flow import DocumentFlow
from fastback.retrieval.extraction.formats.reader import (
    MAX_TEXT,
    ExtractedText,
    SourceFile,
    too_much_text,
    unreadable_file,
)

_TOKEN = re.compile(
    rb"\\([a-z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-f]{2})|\\([^a-z])|([{}])|[\r\n]+|([^\\{}\r\n]+)", re.IGNORECASE
)
_HEADING_STYLE = re.compile(rb"heading (\d);", re.IGNORECASE)
#: Groups whose text is not part of the document.
_SKIPPED_GROUPS = frozenset(
    b"fonttbl colortbl info pict object themedata colorschememapping datastore latentstyles listtable "
    b"listoverridetable rsidtbl generator xmlnstbl fldinst bkmkstart bkmkend filetbl revtbl pgptbl mmathPr private "
    b"nonesttables listtext pntext pntxta pntxtb shppict nonshppict wgrffmtfilter blipuid panose falt".split()
)
_CHARACTER_WORDS = {
    b"emdash": "—", b"endash": "–", b"bullet": "•", b"lquote": "‘", b"rquote": "’", b"ldblquote": "“",
    b"rdblquote": "”", b"emspace": " ", b"enspace": " ", b"tab": "\t", b"line": "\n",
}  # fmt: skip


class _Group:
    """The state between two braces; a group inherits the state of the one around it.

    Attributes:
        is_skipped: whether its text is skipped.
        is_font_table: whether it is the font table.
        is_stylesheet: whether it is the style sheet.
        skip: how many bytes after a Unicode character are skipped: they repeat it for old programs.
        encoding: of the font; empty for that of the document.
    """

    __slots__ = ("encoding", "is_font_table", "is_skipped", "is_stylesheet", "skip")

    def __init__(self, parent: _Group | None = None) -> None:
        self.is_skipped: bool = parent.is_skipped if parent else False
        self.is_font_table: bool = parent.is_font_table if parent else False
        self.is_stylesheet: bool = parent.is_stylesheet if parent else False
        self.skip: int = parent.skip if parent else 1
        self.encoding: str = parent.encoding if parent else ""


class _RtfReader:
    """Interpret the tokens of a document, and write its text to a flow."""

    def __init__(self) -> None:
        self.flow = DocumentFlow()
        self._groups = [_Group()]
        self._bytes = bytearray()
        self._paragraph_parts: list[str] = []
        self._encoding = "cp1252"
        self._font_encodings: dict[int, str] = {}
        self._font = 0
        # Levels of the heading styles.
        self._heading_levels: dict[int, int] = {}
        self._style = 0
        self._bytes_to_skip = 0
        self._high_surrogate = 0
        # Whether a table is open, and whether the paragraph belongs to it.
        self._in_table = False
        self._paragraph_in_table = False
        self._level = 0
        self._ignorable = False

    @property
    def _group(self) -> _Group:
        return self._groups[-1]

    def _decode_bytes(self) -> None:
        """Decode the bytes that were collected, and add them to the paragraph."""
        if self._bytes:
            text = bytes(self._bytes).decode(self._group.encoding or self._encoding, "replace")
            self._bytes.clear()
            self._paragraph_parts.append(text)

    def _write_text(self, text: str) -> None:
        if not self._group.is_skipped:
            self._decode_bytes()
            self._paragraph_parts.append(text)

    def _end_paragraph(self) -> None:
        self._decode_bytes()
        text = "".join(self._paragraph_parts)
        self._paragraph_parts = []
        if text.strip():
            self._set_table_open(self._paragraph_in_table)
            self.flow.begin_paragraph()
            self.flow.write(text)
            self.flow.end_paragraph(level=self._level)

    def _set_table_open(self, is_open: bool) -> None:
        """Begin a table, or end the open one."""
        if is_open and not self._in_table:
            self.flow.begin_table()
        elif self._in_table and not is_open:
            self.flow.end_row()
            self.flow.end_table()
        self._in_table = is_open

    def handle_brace(self, is_opening: bool) -> None:
        """Begin or end a group."""
        self._decode_bytes()
        self._bytes_to_skip = 0
        if is_opening:
            if len(self._groups) > 10_000:
                raise unreadable_file("rich text", "it is nested too deeply.")
            self._groups.append(_Group(self._group))
        elif len(self._groups) > 1:
            self._groups.pop()

    def handle_bytes(self, content: bytes) -> None:
        """Collect encoded text."""
        if self._bytes_to_skip:
            content, self._bytes_to_skip = content[self._bytes_to_skip :], max(self._bytes_to_skip - len(content), 0)
        if not self._group.is_skipped:
            self._bytes += content
        elif self._group.is_stylesheet and self._style >= 0 and (match := _HEADING_STYLE.match(content)):
            self._heading_levels[self._style] = int(match[1])

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
        if word in _SKIPPED_GROUPS or (ignorable and word not in (b"shptxt", b"shpinst", b"nestrow")):
            group.is_skipped = True
            group.is_font_table = word == b"fonttbl"
            return
        if group.is_font_table:
            if word == b"f" and number is not None:
                self._font = number
            elif word == b"fcharset" and number in CHARSET_ENCODINGS:
                self._font_encodings[self._font] = CHARSET_ENCODINGS[number]
            return
        if character := _CHARACTER_WORDS.get(word):
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
                self._level, self._paragraph_in_table = 0, False
            case b"s" if number is not None:
                self._level = self._heading_levels.get(number, 0)
            case b"intbl":
                self._paragraph_in_table = True
            case b"outlinelevel" if number is not None and number < 9:
                self._level = number + 1
            case b"cell" | b"nestcell":
                self._paragraph_in_table = True
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
        self._end_paragraph()
        self._set_table_open(False)
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
