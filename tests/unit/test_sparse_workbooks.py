"""Text extraction from workbooks: cells cost what they hold, however far apart they are."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

import binary_workbooks
import hostile_files
import sample_documents
import workbook_samples
from extraction_helpers import extract_documents
from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction.formats.sheet_extent import fits_rectangles, measure_xml_sheet
from fastback.retrieval.interfaces import Document
from workbook_samples import Cell

Extract = Callable[..., list[Document]]


def _make_xlsx(cells: Sequence[Cell]) -> bytes:
    rows: dict[int, list[str]] = {}
    for row, column, value in cells:
        letters = chr(65 + column) if column < 26 else "XFD"
        kind, content = (
            ("inlineStr", f"<is><t>{value}</t></is>") if isinstance(value, str) else ("n", f"<v>{value}</v>")
        )
        rows.setdefault(row, []).append(f'<c r="{letters}{row + 1}" t="{kind}">{content}</c>')
    sheet = "".join(f'<row r="{row + 1}">{"".join(content)}</row>' for row, content in rows.items())
    return hostile_files.xlsx(sheet.encode(), name="First")


#: Makes a workbook of some cells in each format; and the last row and column of the format.
FORMATS: dict[str, tuple[Callable[[Sequence[Cell]], bytes], int, int]] = {
    "xlsx": (_make_xlsx, 1_048_575, 16_383),
    "xlsb": (workbook_samples.xlsb, 1_048_575, 16_383),
    "ods": (workbook_samples.ods, 1_048_574, 16_383),
    "xls": (lambda cells: binary_workbooks.xls({"First": binary_workbooks.make_cells(cells)}), 65_535, 255),
}


@pytest.fixture
def extract(tmp_path: Path) -> Extract:
    """Return a function that extracts documents like a worker, but in this process."""
    return partial(extract_documents, tmp_path)


@pytest.mark.parametrize("kind", FORMATS)
def test_far_cells_cost_what_they_hold(extract: Extract, kind: str) -> None:
    make, last_row, last_column = FORMATS[kind]
    cells: list[Cell] = [(row * 3, row % 3, f"cell {row}") for row in range(3000)]
    content = make([(0, 0, "begin"), *cells[1:], (last_row, last_column, "far end")])
    tracemalloc.start()
    try:
        (document,) = extract(f"a.{kind}", content)
        assert tracemalloc.get_traced_memory()[1] < 30 * 1024 * 1024
    finally:
        tracemalloc.stop()
    lines = document.text.split("\n")
    assert lines[:4] == ["Sheet: First", "| begin |", "|  | cell 1 |", "|  |  | cell 2 |"]
    assert lines[-1].endswith("| far end |") and len(lines) == 3002 and len(document.text) < 100_000


@pytest.mark.parametrize("kind", FORMATS)
def test_large_sheets_are_read_as_small_ones(extract: Extract, kind: str) -> None:
    cells: list[Cell] = [(0, 1, "name"), (0, 2, "age"), (0, 4, "x")]
    cells += [(row, column, f"t{row}" if column == 1 else row * 1.5) for row in range(1, 1500) for column in (1, 2, 3)]
    (document,) = extract(f"a.{kind}", FORMATS[kind][0](cells))
    lines = document.text.split("\n")
    assert lines[:3] == ["Sheet: First", "| name | age |  | x |", "| t1 | 1.5 | 1.5 |"]
    assert lines[-1] == "| t1499 | 2248.5 | 2248.5 |" and len(lines) == 1501


def test_rows_that_ods_repeats_are_read(extract: Extract) -> None:
    content = workbook_samples.ods([(0, 0, "once"), (1, 0, "again")])
    members = workbook_samples.read_members(content)
    head, row, tail = members["content.xml"].rpartition(b"<table:table-row><table:table-cell office")
    members["content.xml"] = (
        head
        + row.replace(b"row>", b'row table:number-rows-repeated="3">').replace(
            b"cell ", b'cell table:number-columns-repeated="2" '
        )
        + tail
    )
    (document,) = extract("a.ods", hostile_files.archive(members))
    assert document.text == "Sheet: First\n| once |" + 3 * "\n| again | again |"


@pytest.mark.parametrize(
    "sheet",
    [
        b'<row r="1"><c r="A1"><v>1</v></c></row><row><c><v>1</v></c></row>',
        b"<row r='1'><c r='A1'><v>1</v></c></row>",
        b'<x:row><x:c r = "XFD1048576"><x:v>1</x:v></x:c></x:row>',
        b'<row><c r="&#65;1"><v>1</v></c></row>',
        '<row><c r="A1"><v>1</v></c></row>'.encode("utf-16"),
    ],
)
def test_sheets_in_unusual_xml_are_not_measured(sheet: bytes) -> None:
    assert measure_xml_sheet(io.BytesIO(sheet)) is None


def test_the_extent_of_a_sheet_decides_how_it_is_read() -> None:
    rows = b"".join(b'<row r="%d"><c r="B%d" s="1"><v>1</v></c></row>' % (row, row) for row in range(1, 40_000))
    dense = measure_xml_sheet(io.BytesIO(rows))
    assert dense is not None and dense.cells == dense.area == 39_999 and fits_rectangles([dense])
    sparse = measure_xml_sheet(io.BytesIO(rows + b'<row r="40000"><c r="XFD40000"><v>1</v></c></row>'))
    assert sparse is not None and sparse.cells == 40_000 and sparse.area == 40_000 * 16_383
    assert not fits_rectangles([sparse])


def test_kinds_of_cells_in_xls(extract: Extract) -> None:
    record, text = binary_workbooks.record, binary_workbooks.text
    shared = record(0xFC, struct.pack("<II", 2, 2) + text("first") + text("begin")[:-4]) + record(0x3C, b"\0" + b"in")
    formats = record(0x41E, struct.pack("<H", 164) + text("yyyy-mm-dd")) + record(0xE0, bytes(20))
    formats += record(0xE0, struct.pack("<HH16x", 0, 164)) + record(0xE0, struct.pack("<HH16x", 0, 46))
    head = struct.pack("<HHH", 1, 0, 0)
    rows = (
        record(0xFD, struct.pack("<HHHI", 0, 0, 0, 1)),
        record(0xFD, struct.pack("<HHHI", 0, 1, 0, 9)),
        record(0xD6, struct.pack("<HHH", 0, 2, 0) + text("rich") + struct.pack("<H4x", 1)),
        record(0x27E, struct.pack("<HHHI", 0, 3, 1, 45292 << 2 | 2)),
        binary_workbooks.number(0, 4, 1.5, style=2),
        record(0xBD, head + struct.pack("<IHIHIH", 123 << 2 | 3, 0, 0x3FF80000, 1, 45293 << 2 | 2, 2)),
        record(0x205, struct.pack("<HHHBB", 1, 3, 0, 1, 0)),
        record(0x205, struct.pack("<HHHBB", 1, 4, 0, 42, 1)),
        record(0x06, struct.pack("<HHHd", 2, 0, 1, 45294.0) + bytes(8)),
        record(0x06, struct.pack("<HHHBB4xH", 2, 1, 0, 0, 0, 0xFFFF) + bytes(8)),
        record(0x207, struct.pack("<H", 8) + b"\0form"),
        record(0x3C, b"\1" + "ułää".encode("utf-16-le")),
        record(0x06, struct.pack("<HHHBBB3xH", 2, 2, 0, 1, 0, 1, 0xFFFF) + bytes(8)),
        record(0x06, struct.pack("<HHHBBB3xH", 2, 3, 0, 2, 0, 7, 0xFFFF) + bytes(8)),
    )
    (document,) = extract("a.xls", binary_workbooks.xls({"Ünï": binary_workbooks.make_sheet(*rows)}, shared, formats))
    assert document.text == (
        "Sheet: Ünï\n| begin |  | rich | 2024-01-01 | 1 day, 12:00:00 |\n| 1.23 | 1.5 | 2024-01-02 | TRUE |\n"
        "| 2024-01-03 | formułää | TRUE |"
    )


def test_xls_of_excel_95_is_read_in_its_code_page(extract: Extract) -> None:
    cell = binary_workbooks.record(0x204, struct.pack("<HHHH", 0, 0, 0, 6) + "Привет".encode("cp1251"))
    sheet = binary_workbooks.make_sheet(
        cell,
        binary_workbooks.record(0x1C, struct.pack("<HHH", 0, 0, 6) + "Цапля ".encode("cp1251")),
        binary_workbooks.record(0x1C, struct.pack("<HHH", 0xFFFF, 0, 4) + "одна".encode("cp1251")),
        version=binary_workbooks.BIFF_5,
    )
    stream = binary_workbooks.make_stream(
        {"Лист": sheet}, binary_workbooks.record(0x42, struct.pack("<H", 1251)), version=binary_workbooks.BIFF_5
    )
    (document,) = extract("a.xls", sample_documents.compound({"Book": stream}))
    assert document.text == "Sheet: Лист\n| Привет |\nComment on A1: Цапля одна"


def test_a_damaged_sheet_does_not_lose_the_others(extract: Extract) -> None:
    damaged = binary_workbooks.make_sheet(binary_workbooks.record(0x203, b"\0\0"))
    good = binary_workbooks.make_cells([(0, 0, "good")])
    (document,) = extract("a.xls", binary_workbooks.xls({"Damaged": damaged, "Good": good}))
    assert document.text == "Sheet: Damaged\n\nSheet: Good\n| good |"


def test_encrypted_workbooks_say_so(extract: Extract) -> None:
    manifest = b"<manifest><file-entry><encryption-data/></file-entry></manifest>"
    members = {**workbook_samples.read_members(workbook_samples.ods([(0, 0, "x")])), "META-INF/manifest.xml": manifest}
    members["content.xml"] = b"\x00\x01 encrypted"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    for content in (
        buffer.getvalue(),
        binary_workbooks.xls({"A": binary_workbooks.make_cells([])}, binary_workbooks.record(0x2F, bytes(6))),
    ):
        with pytest.raises(JobFailed, match="protected by a password"):
            extract("a.bin", content)
