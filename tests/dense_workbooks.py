"""Large dense workbooks that the tests make: each kind of cell, gaps at every place, odd white space and numbers."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import binary_workbooks
import hostile_files
import workbook_samples
from binary_workbooks import record, text
from workbook_samples import Cell

_FORMATS = ("General", "yyyy-mm-dd", "yyyy-mm-dd hh:mm")
ROWS = 600
#: Names, white space and letters as people write them.
_TEXTS = ("heron", " two  words ", "a\tb", "Łódź", "日本", "| bar |", "no\u00a0break", " ", "line\nbreak", "x")
_NUMBERS = (0.0, -0.0, 1.5, -2.25, 1 / 3, 0.1 + 0.2, 1e15, 123456789012345.0, 1.25e-7, 1e300)


def _list_gappy_columns(row: int) -> Iterator[int]:
    """Yield which columns of ten have a value: none in some rows, and with gaps at every place in others."""
    for column in range(10):
        if row % 50 != 7 and (row % 3 or column not in (0, 4, 5, 9)):
            yield column


def _make_xls_row(row: int) -> bytes:
    cells = b""
    for column in _list_gappy_columns(row):
        style, place = row % 3, struct.pack("<HH", row, column)
        match column:
            case 0:
                cells += record(0xFD, place + struct.pack("<HI", 0, row % len(_TEXTS)))
            case 1:
                cells += binary_workbooks.number(row, column, _NUMBERS[row % len(_NUMBERS)])
            case 2:
                cells += binary_workbooks.number(row, column, 40_000 + row * 1.37, style)
            case 3:
                cells += record(0x27E, place + struct.pack("<Hi", style, (40_000 + row) << 2 | 2))
            case 4:
                cells += record(0x205, place + struct.pack("<HBB", 0, row % 2, 0))
            case 6:
                numbers = struct.pack("<HiHi", 0, -row << 2 | 2, 0, row << 2 | 3)
                cells += record(0xBD, place + numbers + struct.pack("<H", 7))
            case 8:
                cells += record(0x06, place + struct.pack("<Hd", style, 40_000.5 + row) + bytes(13))
            case 9:
                cells += record(0x06, place + struct.pack("<HB5xH", 0, 0, 0xFFFF) + bytes(13))
                cells += record(0x207, text(f"formula {row}"))
    return record(0x208, struct.pack("<H14x", row)) + cells


def xls(*more: bytes) -> bytes:
    shared = record(0xFC, struct.pack("<II", 0, len(_TEXTS)) + b"".join(map(text, _TEXTS)))
    codes = b"".join(record(0x41E, struct.pack("<H", 164 + n) + text(code)) for n, code in enumerate(_FORMATS))
    styles = b"".join(record(0xE0, struct.pack("<HH16x", 0, 164 + n)) for n in range(len(_FORMATS)))
    rows = b"".join(map(_make_xls_row, range(ROWS)))
    sheet = binary_workbooks.make_sheet(binary_workbooks.extent(ROWS, 10), rows, *more)
    return binary_workbooks.xls({"First": sheet}, shared, codes, styles)


def _make_xlsb_cells(row: int) -> Iterator[Cell]:
    for column in _list_gappy_columns(row):
        style = struct.pack("<I", row % 3)
        match column:
            case 0 | 9:
                yield row, column, _TEXTS[(row + column) % len(_TEXTS)]
            case 1:
                yield row, column, _NUMBERS[row % len(_NUMBERS)]
            case 2:
                yield row, column, b"\5" + style + struct.pack("<d", 40_000 + row * 1.37)
            case 3:  # dates that are stored as integers
                yield row, column, b"\2" + struct.pack("<Ii", 1, (40_000 + row) << 2 | 2)
            case 4:
                yield row, column, b"\4" + style + bytes([row % 2])
            case _:
                yield row, column, b"\2" + struct.pack("<Ii", 0, -row << 2 | 2 + row % 2)


def xlsb(*more: Cell) -> bytes:
    cells = [cell for row in range(ROWS) for cell in _make_xlsb_cells(row)]
    return workbook_samples.xlsb([*cells, *more], formats=_FORMATS)


def xlsx(*more: bytes, formats: tuple[str, ...] = ()) -> bytes:
    rows = b""
    for row in range(ROWS):
        cells = b""
        for column in _list_gappy_columns(row):
            value, kind, style = b"%d" % (40_000 + row), b"n", row % 3
            if column in (0, 9):
                value, kind = b"%d" % ((row + column) % len(_TEXTS)), b"s"
            elif column == 4:
                value, kind = b"%d" % (row % 2), b"b"
            elif column == 1:
                value, style = repr(_NUMBERS[row % len(_NUMBERS)]).encode(), 0
            elif column == 2:
                value = repr(row * 1.37).encode()
            cells += b'<c r="%c%d" t="%s" s="%d"><v>%s</v></c>' % (65 + column, row + 1, kind, style, value)
        rows += b'<row r="%d">%s</row>' % (row + 1, cells)
    content = hostile_files.xlsx(rows + b"".join(more), name="First")
    return workbook_samples.add_styles_and_texts(content, formats=(*_FORMATS, *formats), texts=_TEXTS)


def _make_ods_cell(column: int, row: int) -> str:
    if column in (0, 9):
        value = _TEXTS[(row + column) % len(_TEXTS)].replace("\n", "</text:p><text:p>").replace("\t", "\u2003")
        return f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'
    kind, value = "float", repr(_NUMBERS[(row + column) % len(_NUMBERS)])
    if column == 2:
        kind, value = "date", f"2024-01-{row % 28 + 1:02}{'T10:30:00' if row % 2 else ''}"
    elif column == 4:
        kind, value = "boolean", "true" if row % 2 else "false"
    name = {"date": "date-value", "boolean": "boolean-value"}.get(kind, "value")
    return (
        f'<table:table-cell table:style-name="ce1" office:value-type="{kind}" office:{name}="{value}">'
        "<text:p>displayed</text:p></table:table-cell>"
    )


_EMPTY = "<table:table-cell/>"


def ods(*more: str) -> bytes:
    """Return a workbook as LibreOffice writes it: empty cells up to the last column, and rows up to the last row."""
    content = ""
    for row in range(ROWS):
        columns = set(_list_gappy_columns(row))
        cells = "".join(_make_ods_cell(column, row) if column in columns else _EMPTY for column in range(10))
        content += (
            f'<table:table-row table:style-name="ro1">{cells}<table:table-cell table:number-columns-repeated="16374"/>'
            "</table:table-row>"
        )
    content += "".join(more) + (
        '<table:table-row table:number-rows-repeated="1047000"><table:table-cell'
        ' table:number-columns-repeated="16384"/></table:table-row>'
    )
    members = workbook_samples.read_members(workbook_samples.ods([(0, 0, "x")]))
    head, _, rest = members["content.xml"].partition(b"<table:table-row")
    members["content.xml"] = head + content.encode() + rest[rest.index(b"</table:table>") :]
    members["META-INF/manifest.xml"] = b"<manifest:manifest/>"
    return hostile_files.archive(members)


WORKBOOKS: dict[str, Callable[[], bytes]] = {
    "xls": xls,
    "xlsb": xlsb,
    "xlsx": xlsx,
    "ods": ods,
}
