"""Values of cells in .xls workbooks."""

from __future__ import annotations

import struct
from collections.abc import Callable

from fastback.retrieval.extraction.formats.biff import StringReader
from fastback.retrieval.extraction.formats.cell_text import format_cell
from fastback.retrieval.extraction.formats.xls_workbook import XlsWorkbook

NUMBER, SHARED_TEXT, SHORT_NUMBER, SHORT_NUMBERS = 0x203, 0xFD, 0x27E, 0xBD
_FORMULA, _TEXT, _BOOLEAN, _RICH_TEXT = 0x06, 0x204, 0x205, 0xD6
#: Records between cells that show nothing: rows, empty cells, positions of blocks.
EMPTY_CELLS = frozenset((0x208, 0x201, 0xBE, 0xD7))
#: The result of a formula is a number, unless it ends with these bytes; its first byte then says what it is.
_NO_NUMBER = b"\xff\xff"
_BOOLEAN_RESULT = 1
#: After the row and the column of a cell: the style, and a value. Each of several short numbers has a style.
_POSITION_SIZE = 4
_STYLE_AND_NUMBER, _STYLE_AND_CODE = struct.Struct("<Hd"), struct.Struct("<Hi")
_RESULT, _INDEX, _FLAGS, _STRING_OFFSET = struct.Struct("<xx8s"), struct.Struct("<xxI"), struct.Struct("<xxBB"), 6


def _read_shared_text(workbook: XlsWorkbook, content: bytes) -> list[str]:
    return [workbook.get_text(*_INDEX.unpack_from(content, _POSITION_SIZE))]


def _read_text(workbook: XlsWorkbook, content: bytes) -> list[str]:
    return [StringReader(content, [(_STRING_OFFSET, len(content))], workbook.encoding).read_string()]


def _read_number(workbook: XlsWorkbook, content: bytes) -> list[str]:
    style, number = _STYLE_AND_NUMBER.unpack_from(content, _POSITION_SIZE)
    return [workbook.formats.format_number(number, style)]


def _read_short_numbers(workbook: XlsWorkbook, content: bytes) -> list[str]:
    size = (len(content) - _POSITION_SIZE) // _STYLE_AND_CODE.size * _STYLE_AND_CODE.size
    numbers = _STYLE_AND_CODE.iter_unpack(content[_POSITION_SIZE : _POSITION_SIZE + size])
    get_text = workbook.short_numbers.get_text
    return [get_text(code, style) for style, code in numbers]


def _read_boolean(workbook: XlsWorkbook, content: bytes) -> list[str]:
    value, is_error = _FLAGS.unpack_from(content, _POSITION_SIZE)
    return [] if is_error else [format_cell(bool(value))]


def _read_formula(workbook: XlsWorkbook, content: bytes) -> list[str]:
    (result,) = _RESULT.unpack_from(content, _POSITION_SIZE)
    if not result.endswith(_NO_NUMBER):
        return _read_number(workbook, content)
    return [format_cell(bool(result[2]))] if result[0] == _BOOLEAN_RESULT else []


#: Functions that return the texts of the cells of a record, which are adjacent, and empty where a cell is.
#: The text of a formula is in a record of its own; errors are empty. They raise struct.error where it is damaged.
READERS: dict[int, Callable[[XlsWorkbook, bytes], list[str]]] = {
    NUMBER: _read_number,
    SHARED_TEXT: _read_shared_text,
    SHORT_NUMBER: _read_short_numbers,
    SHORT_NUMBERS: _read_short_numbers,
    _TEXT: _read_text,
    _RICH_TEXT: _read_text,
    _BOOLEAN: _read_boolean,
    _FORMULA: _read_formula,
}
