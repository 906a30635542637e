"""What the sheets of an .xls workbook refer to: their names and positions, shared texts, number formats."""

from __future__ import annotations

import struct

import msgspec

from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction.formats.biff import BIFF_8, StringReader, list_continuations, list_records
from fastback.retrieval.extraction.formats.code_pages import find_encoding
from fastback.retrieval.extraction.formats.number_formats import CellFormats, classify_format, is_usual_format
from fastback.retrieval.extraction.formats.reader import MAX_TEXT, too_much_text, unreadable_file
from fastback.retrieval.extraction.formats.short_numbers import ShortNumbers

BEGIN, END = 0x0809, 0x000A
_SHEET, _TEXTS, _FORMAT, _CELL_FORMAT, _DATE_MODE, _CODE_PAGE, _PASSWORD = 0x85, 0xFC, 0x41E, 0xE0, 0x22, 0x42, 0x2F
WORKSHEET, CHART_SHEET = 0, 2
#: Ids of number formats from which on a workbook defines its own.
_FIRST_OWN_FORMAT = 164


class Sheet(msgspec.Struct):
    """A sheet's name, kind, and the offset of its records."""

    name: str
    kind: int
    offset: int


class XlsWorkbook:
    """The records of a workbook before its sheets.

    Raises:
        JobFailed: the workbook is protected by a password, or has too much text.
        struct.error: it is damaged.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.sheets: list[Sheet] = []
        self.encoding = ""
        self._texts: list[str] = []
        self._text_ranges: list[tuple[int, int]] = []
        kind, start, _ = next(list_records(data, 0), (0, 0, 0))
        if kind != BEGIN:
            raise unreadable_file("a spreadsheet")
        if struct.unpack_from("<H", data, start)[0] < BIFF_8:
            self.encoding = "cp1252"
        self._read_records()

    def _read_records(self) -> None:
        codes: dict[int, str] = {}
        format_ids: list[int] = []
        is_1904 = False
        data = self.data
        for kind, start, end in list_records(data, 0):
            if kind == _PASSWORD:
                raise JobFailed("This spreadsheet is protected by a password. Upload it without one.")
            if kind == _CODE_PAGE and self.encoding:
                self.encoding = find_encoding(struct.unpack_from("<H", data, start)[0]) or "cp1252"
            elif kind == _SHEET:
                offset, _, sheet_kind = struct.unpack_from("<IBB", data, start)
                self.sheets.append(Sheet(self.read_string(start + 6, end, 1), sheet_kind, offset))
            elif kind == _TEXTS:
                self._text_ranges = [(start + 8, end), *list_continuations(data, end)]
            elif kind == _FORMAT:
                (format_id,) = struct.unpack_from("<H", data, start)
                codes[format_id] = self.read_string(start + 2, end, 1 if self.encoding else 2)
            elif kind == _CELL_FORMAT:
                format_ids.append(struct.unpack_from("<H", data, start + 2)[0])
            elif kind == _DATE_MODE:
                is_1904 = data[start : start + 1] == b"\1"
            elif kind == END:
                break
        formats = [(number, codes.get(number) if number >= _FIRST_OWN_FORMAT else None) for number in format_ids]
        self.formats = CellFormats([classify_format(*cell_format) for cell_format in formats], is_1904=is_1904)
        self.has_usual_formats = not is_1904 and all(is_usual_format(*cell_format) for cell_format in formats)
        self.short_numbers = ShortNumbers(self.formats)

    def read_string(self, start: int, end: int, count_size: int = 2) -> str:
        """Return the string in a record, without the part in records that continue it."""
        return StringReader(self.data, [(start, end)], self.encoding).read_string(count_size)

    def read_long_string(self, start: int, end: int) -> str:
        """Return the string in a record and in those that continue it."""
        return StringReader(self.data, [(start, end), *list_continuations(self.data, end)], self.encoding).read_string()

    def get_text(self, index: int) -> str:
        """Return a shared text; empty where it is missing."""
        return self.texts[index] if index < len(self.texts) else ""

    @property
    def texts(self) -> list[str]:
        """Return the shared texts. They are read when the first is needed."""
        if self._text_ranges:
            size = 0
            for text in StringReader(self.data, self._text_ranges).read_strings():
                self._texts.append(text)
                size += len(text) + 10
                if size > 2 * MAX_TEXT:
                    raise too_much_text()
            self._text_ranges = []
        return self._texts
