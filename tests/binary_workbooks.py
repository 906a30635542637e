"""Workbooks of the binary format before 2007 (.xls), record by record; made by the tests."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import sample_documents
from workbook_samples import Cell

_END = struct.pack("<HH", 0x0A, 0)
BIFF_5, BIFF_8 = 0x0500, 0x0600
WORKSHEET, CHART_SHEET = 0x10, 0x20


def record(kind: int, content: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def begin(kind: int, version: int = BIFF_8) -> bytes:
    return record(0x0809, struct.pack("<HHHHII", version, kind, 0, 0, 0, 0))


def text(value: str, count: str = "<H") -> bytes:
    """Return a string of BIFF 8: the number of characters, flags, characters."""
    return struct.pack(count, len(value)) + b"\1" + value.encode("utf-16-le")


def label(row: int, column: int, value: str) -> bytes:
    return record(0x0204, struct.pack("<HHH", row, column, 0) + text(value))


def number(row: int, column: int, value: float, style: int = 0) -> bytes:
    return record(0x0203, struct.pack("<HHHd", row, column, style, value))


def make_sheet(*records: bytes, kind: int = WORKSHEET, version: int = BIFF_8) -> bytes:
    return begin(kind, version) + b"".join(records) + _END


def extent(rows: int, columns: int) -> bytes:
    """Return the record that states the extent of a sheet."""
    return record(0x0200, struct.pack("<IIHHH", 0, rows, 0, columns, 0))


def make_cells(cells: Sequence[Cell]) -> bytes:
    return make_sheet(
        *(
            label(row, column, value) if isinstance(value, str) else number(row, column, float(value))
            for row, column, value in cells
        )
    )


def make_stream(sheets: dict[str, bytes], *more: bytes, version: int = BIFF_8) -> bytes:
    """Return the stream of a workbook: sheets by name, and more records before them."""

    def make_entries(offsets: Sequence[int]) -> bytes:
        entries = b""
        for name, offset in zip(sheets, offsets, strict=True):
            kind = 2 if sheets[name][6:8] == struct.pack("<H", CHART_SHEET) else 0
            stored_name = (
                text(name, "<B") if version == BIFF_8 else struct.pack("<B", len(name)) + name.encode("cp1251")
            )
            entries += record(0x85, struct.pack("<IBB", offset, 0, kind) + stored_name)
        return entries

    before = begin(5, version) + b"".join(more)
    position = len(before) + len(make_entries([0] * len(sheets))) + len(_END)
    offsets = []
    for sheet in sheets.values():
        offsets.append(position)
        position += len(sheet)
    return before + make_entries(offsets) + _END + b"".join(sheets.values())


def xls(sheets: dict[str, bytes], *more: bytes) -> bytes:
    return sample_documents.compound({"Workbook": make_stream(sheets, *more)})


def text_object(object_id: int, kind: int, value: str) -> bytes:
    """Return the records of a text box, or of the box of a comment."""
    half = len(value) // 2
    return (
        record(0x5D, struct.pack("<HHHHH", 0x15, 18, kind, object_id, 0) + bytes(12))
        + record(0x1B6, struct.pack("<HHHIHHHH", 0, 0, 0, 0, len(value), 16, 0, 0))
        + record(0x3C, b"\1" + value[:half].encode("utf-16-le"))
        + record(0x3C, b"\1" + value[half:].encode("utf-16-le"))
        + record(0x3C, bytes(16))
    )


def comment(row: int, column: int, object_id: int, author: str) -> bytes:
    return record(0x1C, struct.pack("<HHHH", row, column, 0, object_id) + text(author))


def chart(title: str, axis: str, series: dict[str, dict[str, float]]) -> bytes:
    """Return the records of a chart, between its begin and its end."""

    def make_text(value: str, target: int) -> bytes:
        return (
            record(0x1025) + record(0x100D, bytes(2) + text(value, "<B")) + record(0x1027, struct.pack("<H4x", target))
        )

    records = b"".join(record(0x1003) + record(0x100D, bytes(2) + text(name, "<B")) for name in series)
    records += make_text(title, 1) + make_text(axis, 2) + make_text("a label", 4)
    values, categories = record(0x1065, b"\1\0"), record(0x1065, b"\2\0")
    for column, points in enumerate(series.values()):
        for row, (category, value) in enumerate(points.items()):
            values += number(row, column, value)
            categories += label(row, column, category)
    return records + values + categories
