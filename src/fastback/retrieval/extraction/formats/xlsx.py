"""Excel spreadsheets (.xlsx, .xlsm).

calamine reads large workbooks whose cells are close together; this reader all others, cell by cell in the order of the
file, so that empty cells cost nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from fastback.retrieval.extraction.formats import archive, xml_events
from fastback.retrieval.extraction.formats.attached_parts import AttachedParts
from fastback.retrieval.extraction.formats.calamine_workbook import UnreadableWorkbook, read_sheets
from fastback.retrieval.extraction.formats.cell_text import format_cell
from fastback.retrieval.extraction.formats.number_formats import NUMBER, classify_format, convert_serial
from fastback.retrieval.extraction.formats.package_relationships import find_main_part, read_relationships
from fastback.retrieval.extraction.formats.reader import MAX_TEXT, ExtractedText, SourceFile, too_much_text
from fastback.retrieval.extraction.formats.sheet_extent import SheetExtent, fits_rectangles, measure_xml_sheet
from fastback.retrieval.extraction.formats.sheet_text import WorkbookText
from fastback.retrieval.extraction.formats.xml_events import Attributes

_WORKBOOK_PART = "xl/workbook.xml"
#: Characters that XML cannot contain are written as their code.
_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")
#: Columns that a sheet can have.
_MAX_COLUMNS = 16_384
#: Cells of a workbook that this reader reads as fast as calamine opens it.
_FEW_CELLS = 1000
_SHEETS_WITHOUT_CELLS = ("chartsheet",)
_TRUE = ("1", "true", "on")


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text


def _read_column(reference: str) -> int:
    """Return the column of a reference such as `AB12`, from 0; -1 where it is missing."""
    column = 0
    for letter in reference[:3]:
        if not "A" <= letter <= "Z":
            break
        column = column * 26 + ord(letter) - 64
    return column - 1


class _Workbook:
    """What the sheets of a workbook refer to."""

    def __init__(self, zip_archive: archive.Archive) -> None:
        self._archive = zip_archive
        self.is_1904 = False
        self.sheets: list[tuple[str, str]] = []
        self.sheets_without_cells: set[str] = set()
        self.texts: list[str] = []
        self.formats: list[int] = []
        main_part = find_main_part(zip_archive, _WORKBOOK_PART)
        self._relationships = read_relationships(zip_archive, main_part)
        self._read_sheets(main_part, self._relationships)

    def read_referenced_parts(self) -> None:
        """Read the shared texts, and the number formats."""
        for kind, part in self._relationships.values():
            if kind == "sharedStrings" and part in self._archive.names:
                self._read_shared_texts(part)
            elif kind == "styles" and part in self._archive.names:
                self._read_styles(part)

    def _read_sheets(self, main_part: str, relationships: dict[str, tuple[str, str]]) -> None:
        def start_element(name: str, attributes: Attributes) -> None:
            if name == "workbookPr":
                self.is_1904 = attributes.get("date1904", "") in _TRUE
            elif name == "sheet":
                key = next((value for key, value in attributes.items() if key.endswith("relationships id")), "")
                kind, part = relationships.get(key, ("", ""))
                if part in self._archive.names:
                    self.sheets.append((attributes.get("name", ""), part))
                    if kind in _SHEETS_WITHOUT_CELLS:
                        self.sheets_without_cells.add(part)

        with self._archive.open_member(main_part) as stream:
            xml_events.parse_xml(stream, on_start=start_element)

    def _read_shared_texts(self, part: str) -> None:
        reader = _TextReader()
        size = 0

        def end_element(name: str) -> None:
            nonlocal size
            reader.end_element(name)
            if name == "si":
                self.texts.append(reader.take_text())
                size += len(self.texts[-1]) + 10
                if size > 2 * MAX_TEXT:
                    raise too_much_text()

        with self._archive.open_member(part) as stream:
            xml_events.parse_xml(stream, on_start=reader.start_element, on_end=end_element, on_text=reader.add_text)

    def _read_styles(self, part: str) -> None:
        codes: dict[str, str] = {}
        in_cell_formats = False

        def start_element(name: str, attributes: Attributes) -> None:
            nonlocal in_cell_formats
            match name:
                case "numFmt":
                    codes[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
                case "cellXfs":
                    in_cell_formats = True
                case "xf" if in_cell_formats:
                    format_id = attributes.get("numFmtId", "")
                    number = int(format_id) if format_id.isdecimal() and len(format_id) < 6 else 0
                    self.formats.append(classify_format(number, codes.get(format_id)))

        def end_element(name: str) -> None:
            nonlocal in_cell_formats
            if name == "cellXfs":
                in_cell_formats = False

        with self._archive.open_member(part) as stream:
            xml_events.parse_xml(stream, on_start=start_element, on_end=end_element)


class _TextReader:
    """Collect the text of `t` elements, except of phonetic runs."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._in_text = False
        self._in_phonetics = False

    def start_element(self, name: str, attributes: Attributes) -> None:
        if name == "t":
            self._in_text = True
        elif name == "rPh":
            self._in_phonetics = True

    def end_element(self, name: str) -> None:
        if name == "t":
            self._in_text = False
        elif name == "rPh":
            self._in_phonetics = False

    def add_text(self, text: str) -> None:
        if self._in_text and not self._in_phonetics:
            self._parts.append(text)

    def take_text(self) -> str:
        if not self._parts:
            return ""
        text = _unescape("".join(self._parts))
        self._parts.clear()
        return text


class _SheetReader:
    """Add the rows of a sheet to the text."""

    def __init__(self, workbook: _Workbook, text: WorkbookText) -> None:
        self._workbook = workbook
        self._text = text
        self._inline = _TextReader()
        self._columns: list[int] = []
        self._texts: list[str] = []
        self._column = -1
        self._kind = ""
        self._style = ""
        self._value: list[str] = []
        self._in_value = False

    def start_element(self, name: str, attributes: Attributes) -> None:
        if name == "c":
            column = _read_column(attributes.get("r", ""))
            self._column = column if 0 <= column < _MAX_COLUMNS else self._column + 1
            self._kind = attributes.get("t", "n")
            self._style = attributes.get("s", "")
            self._value.clear()
        elif name == "v":
            self._in_value = True
        elif name == "row":
            self._columns, self._texts = [], []
            self._column = -1
        else:
            self._inline.start_element(name, attributes)

    def end_element(self, name: str) -> None:
        if name == "v":
            self._in_value = False
        elif name == "c":
            if value := self._read_value():
                self._columns.append(self._column)
                self._texts.append(value)
        elif name == "row":
            self._text.add_cells(self._columns, self._texts)
            self._columns, self._texts = [], []
        else:
            self._inline.end_element(name)

    def add_text(self, text: str) -> None:
        if self._in_value:
            self._value.append(text)
        else:
            self._inline.add_text(text)

    def _read_value(self) -> str:
        """Return the text of the cell that ended; that of errors is empty."""
        inline, value = self._inline.take_text(), "".join(self._value).strip()
        match self._kind:
            case "s":
                index = int(value) if value.isdecimal() and len(value) < 10 else -1
                return self._workbook.texts[index] if 0 <= index < len(self._workbook.texts) else ""
            case "d":
                return value.replace("T", " ").removesuffix(" 00:00:00")
            case "inlineStr" | "str":
                return inline or _unescape(value)
            case "b":
                return format_cell(value in _TRUE) if value else ""
            case "e":
                return ""
        if not value:
            return inline
        try:
            number = float(value)
        except ValueError:
            return value
        style = int(self._style) if self._style.isdecimal() and len(self._style) < 6 else 0
        kind = self._workbook.formats[style] if style < len(self._workbook.formats) else NUMBER
        return format_cell(number if kind == NUMBER else convert_serial(number, kind, is_1904=self._workbook.is_1904))


def _add_cells(zip_archive: archive.Archive, part: str, reader: _SheetReader) -> None:
    with zip_archive.open_member(part) as stream:
        xml_events.parse_xml(stream, on_start=reader.start_element, on_end=reader.end_element, on_text=reader.add_text)


def _has_dense_sheets(zip_archive: archive.Archive, workbook: _Workbook) -> bool:
    """Return whether all sheets fit into calamine's rectangles."""
    extents: list[SheetExtent] = []
    for _, part in workbook.sheets:
        if part in workbook.sheets_without_cells:
            continue
        with zip_archive.open_member(part) as stream:
            extent = measure_xml_sheet(stream)
        if extent is None or not fits_rectangles([*extents, extent]):
            return False
        extents.append(extent)
    return sum(extent.cells for extent in extents) > _FEW_CELLS


def _read_sheets(zip_archive: archive.Archive, workbook: _Workbook, notes: dict[str, list[str]]) -> WorkbookText:
    text = WorkbookText()
    workbook.read_referenced_parts()
    for name, part in workbook.sheets:
        sheet_notes = notes.pop(name, [])
        if part not in workbook.sheets_without_cells:
            text.begin_sheet(name)
            _add_cells(zip_archive, part, _SheetReader(workbook, text))
        elif sheet_notes:
            text.begin_sheet(name)
        for note in sheet_notes:
            text.add_note(note)
    return text


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield one document with all sheets."""
    with archive.open_archive(source) as zip_archive:
        workbook = _Workbook(zip_archive)
        attached_parts = AttachedParts(zip_archive)
        notes = {name: attached_parts.read_texts(part) for name, part in workbook.sheets}
        text: WorkbookText | None = None
        if _has_dense_sheets(zip_archive, workbook):
            with suppress(UnreadableWorkbook):
                text = read_sheets(source, "xlsx", notes, skips_damaged_sheets=True)
        text = text or _read_sheets(zip_archive, workbook, notes)
    yield text.join_sheets(), source.metadata
