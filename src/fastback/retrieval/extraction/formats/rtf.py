"""Rich text (.rtf)."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from fastback.retrieval.extraction.formats.document_flow import Flow
from fastback.retrieval.extraction.formats.reader import MOST_TEXT, Piece, Source, broken, too_much

_TOKEN = re.compile(
    rb"\\([a-z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-f]{2})|\\([^a-z])|([{}])|[\r\n]+|([^\\{}\r\n]+)", re.IGNORECASE
)
_HEADING = re.compile(rb"heading (\d);", re.IGNORECASE)
#: Groups whose text is not the document's.
_SILENT = frozenset(
    b"fonttbl colortbl info pict object themedata colorschememapping datastore latentstyles listtable "
    b"listoverridetable rsidtbl generator xmlnstbl fldinst bkmkstart bkmkend filetbl revtbl pgptbl mmathPr private "
    b"nonesttables listtext pntext pntxta pntxtb shppict nonshppict wgrffmtfilter blipuid panose falt".split()
)
_SIGNS = {
    b"emdash": "—", b"endash": "–", b"bullet": "•", b"lquote": "‘", b"rquote": "’", b"ldblquote": "“",
    b"rdblquote": "”", b"emspace": " ", b"enspace": " ", b"tab": "\t", b"line": "\n",
}  # fmt: skip
#: Encodings of fonts that name a character set.
_CHARSETS = {
    0: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 134: "gb18030", 136: "big5", 161: "cp1253",
    162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874",
    238: "cp1250",
}  # fmt: skip


class _Group:
    """What holds between braces: whether it is silent, bytes behind a Unicode character to leave out, the encoding."""

    __slots__ = ("encoding", "fonts", "silent", "skip", "styles")

    def __init__(self, before: _Group | None = None) -> None:
        self.silent: bool = before.silent if before else False
        self.fonts: bool = before.fonts if before else False
        self.styles: bool = before.styles if before else False
        self.skip: int = before.skip if before else 1
        self.encoding: str = before.encoding if before else ""


class _Reading:
    def __init__(self) -> None:
        self.flow = Flow()
        self._groups = [_Group()]
        self._bytes = bytearray()
        self._line: list[str] = []
        self._encoding = "cp1252"
        self._fonts: dict[int, str] = {}
        self._font = 0
        # Levels of styles that are headings.
        self._levels: dict[int, int] = {}
        self._style = 0
        self._left_out = 0
        self._surrogate = 0
        # Whether a table is open, and whether the paragraph stands in it.
        self._in_table = False
        self._belongs = False
        self._level = 0
        self._ignorable = False

    @property
    def _group(self) -> _Group:
        return self._groups[-1]

    def _settle_bytes(self) -> None:
        if self._bytes:
            text = bytes(self._bytes).decode(self._group.encoding or self._encoding, "replace")
            self._bytes.clear()
            self._line.append(text)

    def _write(self, text: str) -> None:
        if not self._group.silent:
            self._settle_bytes()
            self._line.append(text)

    def _paragraph(self) -> None:
        self._settle_bytes()
        text = "".join(self._line)
        self._line = []
        if text.strip():
            self._table(self._belongs)
            self.flow.begin_paragraph()
            self.flow.write(text)
            self.flow.end_paragraph(level=self._level)

    def _table(self, there: bool) -> None:
        """Begin a table, or end the one that is open."""
        if there and not self._in_table:
            self.flow.begin_table()
        elif self._in_table and not there:
            self.flow.end_row()
            self.flow.end_table()
        self._in_table = there

    def brace(self, opens: bool) -> None:
        self._settle_bytes()
        self._left_out = 0
        if opens:
            if len(self._groups) > 10_000:
                raise broken("rich text", "it is nested too deeply.")
            self._groups.append(_Group(self._group))
        elif len(self._groups) > 1:
            self._groups.pop()

    def raw(self, content: bytes) -> None:
        if self._left_out:
            content, self._left_out = content[self._left_out :], max(self._left_out - len(content), 0)
        if not self._group.silent:
            self._bytes += content
        elif self._group.styles and self._style >= 0 and (named := _HEADING.match(content)):
            self._levels[self._style] = int(named[1])

    def symbol(self, sign: bytes) -> None:
        self._ignorable = sign == b"*"
        match sign:
            case b"~":
                self._write(" ")
            case b"_":
                self._write("-")
            case b"{" | b"}" | b"\\":
                self.raw(sign)
            case b"\n" | b"\r":
                self._paragraph()

    def word(self, word: bytes, number: int | None) -> None:
        ignorable, self._ignorable = self._ignorable, False
        group = self._group
        if word == b"stylesheet":
            group.silent = group.styles = True
            return
        if group.styles:
            self._style_word(word, number or 0)
            return
        if word in _SILENT or (ignorable and word not in (b"shptxt", b"shpinst", b"nestrow")):
            group.silent = True
            group.fonts = word == b"fonttbl"
            return
        if group.fonts:
            if word == b"f" and number is not None:
                self._font = number
            elif word == b"fcharset" and number in _CHARSETS:
                self._fonts[self._font] = _CHARSETS[number]
            return
        if sign := _SIGNS.get(word):
            self._write(sign)
            return
        match word:
            case b"ansicpg" if number:
                self._encoding = _known(f"cp{number}") or self._encoding
            case b"mac":
                self._encoding = "mac_roman"
            case b"f":
                self._settle_bytes()
                group.encoding = self._fonts.get(number or 0, "")
            case b"uc":
                group.skip = min(max(number or 0, 0), 16)
            case b"u" if number is not None:
                self._character(number & 0xFFFF)
                self._left_out = group.skip
            case b"par" | b"sect" | b"page":
                self._paragraph()
            case b"pard":
                self._level, self._belongs = 0, False
            case b"s" if number is not None:
                self._level = self._levels.get(number, 0)
            case b"intbl":
                self._belongs = True
            case b"outlinelevel" if number is not None and number < 9:
                self._level = number + 1
            case b"cell" | b"nestcell":
                self._belongs = True
                self._table(True)
                self._paragraph()
                self.flow.end_cell()
            case b"row" | b"nestrow":
                self.flow.end_row()

    def _style_word(self, word: bytes, number: int) -> None:
        if word in (b"s", b"cs", b"ds", b"ts"):
            self._style = number if word == b"s" else -1
        elif word == b"outlinelevel" and self._style >= 0 and 0 <= number < 9:
            self._levels[self._style] = number + 1

    def _character(self, code: int) -> None:
        if 0xD800 <= code < 0xDC00:
            self._surrogate = code
        elif 0xDC00 <= code < 0xE000:
            if self._surrogate:
                self._write(chr(0x10000 + ((self._surrogate - 0xD800) << 10) + code - 0xDC00))
            self._surrogate = 0
        else:
            self._write(chr(code))

    def end(self) -> str:
        self._paragraph()
        self._table(False)
        return self.flow.text()


def _known(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        return ""


def read(source: Source) -> Iterator[Piece]:
    if source.size > 4 * MOST_TEXT:
        raise too_much()
    with open(source.path, "rb") as file:
        content = file.read()
    reading = _Reading()
    for token in _TOKEN.finditer(content):
        word, number, code, sign, brace, raw = token.groups()
        if raw is not None:
            reading.raw(raw)
        elif word is not None:
            reading.word(word, int(number) if number else None)
        elif code is not None:
            reading.raw(bytes((int(code, 16),)))
        elif brace is not None:
            reading.brace(brace == b"{")
        elif sign is not None:
            reading.symbol(sign)
    yield reading.end(), source.metadata
