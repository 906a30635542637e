"""What the sheets of an .xlsb workbook refer to: their names and parts, shared texts, number formats."""

from __future__ import annotations

import struct

from fastback.retrieval.extraction.formats import archive
from fastback.retrieval.extraction.formats.number_formats import CellFormats, classify_format, is_usual_format
from fastback.retrieval.extraction.formats.package_relationships import find_main_part, read_relationships
from fastback.retrieval.extraction.formats.reader import MAX_TEXT, too_much_text
from fastback.retrieval.extraction.formats.short_numbers import ShortNumbers
from fastback.retrieval.extraction.formats.xlsb_records import find_string_end, list_records, read_string

_WORKBOOK_PART = "xl/workbook.bin"
_WORKSHEET, _SHEETS_WITHOUT_CELLS = "worksheet", ("chartsheet",)
#: Kinds of records. Kinds of two bytes have their second byte as the higher one.
_SHEET, _WORKBOOK_PROPERTIES, _SHARED_ITEM = 0x019C, 0x0199, 19
_FORMAT, _CELL_FORMAT, _CELL_FORMATS_BEGIN, _CELL_FORMATS_END = 44, 47, 0x04E9, 0x04EA


class XlsbWorkbook:
    """What the sheets of a workbook refer to. Raises: struct.error, where it is damaged."""

    def __init__(self, zip_archive: archive.Archive) -> None:
        self._archive = zip_archive
        self._is_1904 = False
        self._formats: list[tuple[int, str | None]] = []
        self._texts: list[str] = []
        self._text_part = ""
        self.sheets: list[tuple[str, str]] = []
        self.sheets_without_cells: set[str] = set()
        self.has_only_worksheets = True
        main_part = find_main_part(zip_archive, _WORKBOOK_PART)
        relationships = read_relationships(zip_archive, main_part)
        self._read_sheets(main_part, relationships)
        for kind, part in relationships.values():
            if kind == "sharedStrings" and part in zip_archive.names:
                self._text_part = part
            elif kind == "styles" and part in zip_archive.names:
                self._read_styles(part)
        kinds = [classify_format(*cell_format) for cell_format in self._formats]
        self.formats = CellFormats(kinds, is_1904=self._is_1904)
        self.has_usual_formats = not self._is_1904 and all(is_usual_format(*entry) for entry in self._formats)
        self.short_numbers = ShortNumbers(self.formats)

    def _read_sheets(self, main_part: str, relationships: dict[str, tuple[str, str]]) -> None:
        with self._archive.open_member(main_part) as stream:
            for record, content in list_records(stream):
                if record == _WORKBOOK_PROPERTIES:
                    self._is_1904 = bool(content[:1] and content[0] & 1)
                elif record == _SHEET:
                    kind, part = relationships.get(read_string(content, 8), ("", ""))
                    self.has_only_worksheets &= kind == _WORKSHEET
                    if part in self._archive.names:
                        self.sheets.append((read_string(content, find_string_end(content, 8)), part))
                        if kind in _SHEETS_WITHOUT_CELLS:
                            self.sheets_without_cells.add(part)

    @property
    def texts(self) -> list[str]:
        """Return the shared texts. They are read when the first is needed."""
        if self._text_part:
            self._read_texts(self._text_part)
            self._text_part = ""
        return self._texts

    def _read_texts(self, part: str) -> None:
        size = 0
        with self._archive.open_member(part) as stream:
            for record, content in list_records(stream):
                if record == _SHARED_ITEM:
                    self._texts.append(read_string(content, 1))
                    size += len(self._texts[-1]) + 10
                    if size > 2 * MAX_TEXT:
                        raise too_much_text()

    def _read_styles(self, part: str) -> None:
        codes: dict[int, str] = {}
        in_cell_formats = False
        with self._archive.open_member(part) as stream:
            for record, content in list_records(stream):
                if record == _FORMAT:
                    codes[struct.unpack_from("<H", content)[0]] = read_string(content, 2)
                elif record in (_CELL_FORMATS_BEGIN, _CELL_FORMATS_END):
                    in_cell_formats = record == _CELL_FORMATS_BEGIN
                elif record == _CELL_FORMAT and in_cell_formats:
                    (format_id,) = struct.unpack_from("<H", content, 2)
                    self._formats.append((format_id, codes.get(format_id)))
