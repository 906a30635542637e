"""Values of cells in .xls workbooks."""

from __future__ import annotations

import struct

from fastback.retrieval.extraction.formats.number_formats import NUMBER, convert_serial
from fastback.retrieval.extraction.formats.sheet_text import format_cell
from fastback.retrieval.extraction.formats.xls_workbook import XlsWorkbook

_FORMULA, _NUMBER, _TEXT, _BOOLEAN, _SHARED_TEXT, _RICH_TEXT = 0x06, 0x203, 0x204, 0x205, 0xFD, 0xD6
_SHORT_NUMBER, _SHORT_NUMBERS = 0x27E, 0xBD
CELLS = frozenset((_FORMULA, _NUMBER, _TEXT, _BOOLEAN, _SHARED_TEXT, _RICH_TEXT, _SHORT_NUMBER, _SHORT_NUMBERS))
#: The result of a formula is a number, unless it ends with these bytes; its first byte then says what it is.
_NO_NUMBER = b"\xff\xff"
_BOOLEAN_RESULT = 1


def decode_short_number(code: int) -> float:
    """Return a number that is stored in 30 bits (RkNumber of [MS-XLS])."""
    if code & 2:
        number = float((code - (1 << 32) if code & 0x80000000 else code) >> 2)
    else:
        (number,) = struct.unpack("<d", struct.pack("<Q", (code & 0xFFFFFFFC) << 32))
    return number / 100 if code & 1 else number


def _format_number(workbook: XlsWorkbook, number: float, style: int) -> str:
    kind = workbook.get_format(style)
    return format_cell(number if kind == NUMBER else convert_serial(number, kind, is_1904=workbook.is_1904))


def read_cells(workbook: XlsWorkbook, kind: int, start: int, end: int) -> list[tuple[int, str]]:
    """Return the cells of a record that are not empty: column and text.

    The text of a formula is in a record of its own; the texts of errors are empty. Raises: struct.error.
    """
    content = workbook.data[start:end]
    _, column, style = struct.unpack_from("<HHH", content)
    text = ""
    if kind == _SHORT_NUMBERS:
        cells: list[tuple[int, str]] = []
        for position in range(4, len(content) - 7, 6):
            style, code = struct.unpack_from("<HI", content, position)
            cells.append((column, _format_number(workbook, decode_short_number(code), style)))
            column += 1
        return cells
    if kind == _SHARED_TEXT:
        text = workbook.get_text(struct.unpack_from("<I", content, 6)[0])
    elif kind == _NUMBER:
        text = _format_number(workbook, struct.unpack_from("<d", content, 6)[0], style)
    elif kind == _SHORT_NUMBER:
        text = _format_number(workbook, decode_short_number(struct.unpack_from("<I", content, 6)[0]), style)
    elif kind in (_TEXT, _RICH_TEXT):
        text = workbook.read_string(start + 6, end)
    elif kind == _BOOLEAN:
        value, is_error = struct.unpack_from("<BB", content, 6)
        text = "" if is_error else format_cell(bool(value))
    elif kind == _FORMULA:
        (result,) = struct.unpack_from("8s", content, 6)
        if result[6:] != _NO_NUMBER:
            text = _format_number(workbook, struct.unpack("<d", result)[0], style)
        elif result[0] == _BOOLEAN_RESULT:
            text = format_cell(bool(result[2]))
    return [(column, text)] if text else []
