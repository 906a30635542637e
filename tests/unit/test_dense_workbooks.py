"""Text extraction from large dense workbooks: the faster reader gives the same text, and loses nothing."""

from __future__ import annotations

import io
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

import binary_workbooks
import dense_workbooks
from extraction_helpers import extract_documents
from fastback.retrieval.extraction.formats import ods, xls, xlsb, xlsx
from fastback.retrieval.extraction.formats.ods_extent import measure_ods
from fastback.retrieval.extraction.formats.sheet_text import WorkbookText

ExtractText = Callable[..., str]
_BEGIN, _END = "<table:table-row>", "</table:table-row>"
_CELL = '<table:table-cell office:value-type="string"><text:p>a</text:p></table:table-cell>'
_WIDE_CELLS = f'<table:table-cell table:number-columns-repeated="16000"/>{_CELL}'


@pytest.fixture
def extract(tmp_path: Path) -> ExtractText:
    """Return a function that extracts the text of a document."""

    def extract_text(name: str, content: bytes) -> str:
        (document,) = extract_documents(tmp_path, name, content)
        return document.text

    return extract_text


@pytest.fixture
def extract_twice(extract: ExtractText, monkeypatch: pytest.MonkeyPatch) -> ExtractText:
    """Return a function that extracts the text with both readers; fail where the faster one reads nothing."""

    def extract_text(name: str, content: bytes) -> str:
        blocks: list[object] = []
        add_rows = WorkbookText.add_rows
        with monkeypatch.context() as patches:
            patches.setattr(WorkbookText, "add_rows", lambda *values: blocks.append(add_rows(*values)))
            dense_text = extract(name, content)
        assert blocks
        with monkeypatch.context() as patches:
            patches.setattr(xls, "_list_dense_notes", lambda *_: None)
            patches.setattr(xlsb, "_measure_dense_sheets", lambda *_: None)
            patches.setattr(xlsx, "_has_dense_sheets", lambda *_: False)
            patches.setattr(ods, "_has_dense_sheets", lambda *_: False)
            assert extract(name, content) == dense_text
        return dense_text

    return extract_text


@pytest.fixture
def extract_slowly(extract: ExtractText, monkeypatch: pytest.MonkeyPatch) -> ExtractText:
    """Return a function that extracts the text in little memory; fail where the faster reader reads something."""

    def refuse_rows(*_: object) -> None:
        raise AssertionError

    def extract_text(name: str, content: bytes) -> str:
        with monkeypatch.context() as patches:
            patches.setattr(WorkbookText, "add_rows", refuse_rows)
            tracemalloc.start()
            try:
                text = extract(name, content)
                assert tracemalloc.get_traced_memory()[1] < 30 * 1024 * 1024
            finally:
                tracemalloc.stop()
        return text

    return extract_text


@pytest.mark.parametrize("kind", dense_workbooks.WORKBOOKS)
def test_both_readers_give_the_same_text(extract_twice: ExtractText, kind: str) -> None:
    lines = extract_twice(f"a.{kind}", dense_workbooks.WORKBOOKS[kind]()).split("\n")
    assert lines[0] == "Sheet: First" and len(lines) == 1 + dense_workbooks.ROWS - dense_workbooks.ROWS // 50
    assert sum("two words" in line for line in lines) >= 20


def test_cells_of_xls(extract_twice: ExtractText) -> None:
    lines = extract_twice("a.xls", dense_workbooks.xls()).split("\n")
    assert lines[2].split(" | ", 2)[2] == (
        "2009-07-07 08:52:48 | 2009-07-07 | TRUE |  | -1 | 0.01 | 2009-07-07 12:00:00 | formula 1 |"
    )


def test_dates_of_xlsb_that_are_integers(extract_twice: ExtractText) -> None:
    lines = extract_twice("a.xlsb", dense_workbooks.xlsb()).split("\n")
    assert [line.split(" | ")[3] for line in lines[2:4]] == ["2009-07-07", "2009-07-08"]


def test_columns_of_xlsb_with_dates_and_numbers(extract_slowly: ExtractText) -> None:
    number = (700, 3, b"\2" + struct.pack("<Ii", 0, 123 << 2 | 2))
    lines = extract_slowly("a.xlsb", dense_workbooks.xlsb(number)).split("\n")
    assert lines[2].split(" | ")[3] == "2009-07-07" and lines[-1].endswith("| 123 |")


def test_comments_and_text_boxes_of_xls(extract_twice: ExtractText) -> None:
    content = dense_workbooks.xls(
        binary_workbooks.text_object(1, 6, "Boxed"),
        binary_workbooks.text_object(2, 0x19, "Counted"),
        binary_workbooks.comment(1, 2, 2, "Ada"),
    )
    assert extract_twice("a.xls", content).endswith("\nBoxed\nComment on C2 by Ada: Counted")


def test_charts_of_xls(extract_slowly: ExtractText) -> None:
    chart = binary_workbooks.chart("Herons", "Pairs", {"North": {"May": 4.0}})
    content = dense_workbooks.xls(
        binary_workbooks.begin(binary_workbooks.CHART_SHEET) + chart + binary_workbooks.record(0x0A)
    )
    assert extract_slowly("a.xls", content).endswith("\nChart: Herons\nAxis: Pairs\nNorth: May = 4")


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("xls", lambda: dense_workbooks.xls(binary_workbooks.label(65_535, 255, "far"))),
        ("xls", lambda: dense_workbooks.xls(binary_workbooks.extent(65_536, 256), binary_workbooks.label(0, 0, "far"))),
        ("xlsb", lambda: dense_workbooks.xlsb((1_000_000, 16_000, "far"))),
        (
            "xlsx",
            lambda: dense_workbooks.xlsx(b'<row><x:c xmlns:x="x" r="XFD9" t="str"><x:v>far</x:v></x:c></row>'),
        ),
        ("xlsx", lambda: dense_workbooks.xlsx(b'<row><c s="0" r="XFD1048576" t="str"><v>far</v></c></row>')),
        (
            "ods",
            lambda: dense_workbooks.ods(
                '<table:table-row><table:table-cell table:number-columns-repeated="16000"/><table:table-cell'
                ' office:value-type="string"><text:p>far</text:p></table:table-cell></table:table-row>'
            ),
        ),
        (
            "ods",
            lambda: dense_workbooks.ods(
                f'<table:table-row>{16_000 * "<table:table-cell/>"}<table:table-cell office:value-type="string">'
                "<text:p>far</text:p></table:table-cell></table:table-row>",
            ),
        ),
    ],
)
def test_one_far_cell_costs_no_rectangle(extract_slowly: ExtractText, kind: str, content: Callable[[], bytes]) -> None:
    assert "far |" in extract_slowly(f"a.{kind}", content())


@pytest.mark.parametrize(
    ("more", "last_line"),
    [
        ("Ada<text:tab/>Bob<text:line-break/>Eve", "| Ada Bob Eve |"),
        ("Ada</text:p><office:annotation><text:p>seen</text:p></office:annotation><text:p>", "Comment on A601: seen"),
        ("Ada</text:p><draw:frame><draw:text-box><text:p>Boxed</text:p></draw:text-box></draw:frame><text:p>", "Boxed"),
    ],
)
def test_what_only_the_reader_of_ods_knows(extract_slowly: ExtractText, more: str, last_line: str) -> None:
    row = (
        f'<table:table-row><table:table-cell office:value-type="string"><text:p>{more}</text:p></table:table-cell>'
        "</table:table-row>"
    )
    assert extract_slowly("a.ods", dense_workbooks.ods(row)).split("\n")[-1] == last_line


def test_repeated_rows_and_cells_of_ods(extract_twice: ExtractText) -> None:
    cell = (
        '<table:table-cell table:number-columns-repeated="3" office:value-type="string"><text:p>again</text:p>'
        "</table:table-cell>"
    )
    empty = '<table:table-cell table:number-columns-repeated="2"/>'
    row = f'<table:table-row table:number-rows-repeated="2">{cell}{empty}{cell}</table:table-row>'
    lines = extract_twice("a.ods", dense_workbooks.ods(row)).split("\n")
    assert lines[-3:] != lines[-2:] and lines[-2:] == 2 * ["| again | again | again |  |  | again | again | again |"]


def test_a_number_that_is_no_duration_does_not_lose_the_workbook(extract: ExtractText) -> None:
    content = dense_workbooks.xlsx(b'<row r="601"><c r="A601" s="3"><v>1e300</v></c></row>', formats=("[h]:mm",))
    assert extract("a.xlsx", content).endswith("| 1e+300 |")


@pytest.mark.parametrize("counts_cells", [False, True])
@pytest.mark.parametrize(
    "rows",
    [
        f"{_BEGIN}{_WIDE_CELLS}{_END}",
        f"{_BEGIN}{_CELL}<!--{_END}-->{_WIDE_CELLS}{_END}",
        f"{_BEGIN}{_WIDE_CELLS}</table:table-row >",
        f"{_BEGIN}{'<table:table-cell/>' * 16_000}{_CELL}</table:table-row >{_BEGIN}{_CELL}{_END}",
        f'{_BEGIN}{_CELL}<table:table-cell table:number-columns-repeated="16000" office:value="5"/>{_END}',
        f"{_BEGIN}<table:table-cell table:number-columns-repeated='16000'/>{_CELL}{_END}",
        f'{_BEGIN}<table:table-cell table:number-columns-repeated="&#49;6000"/>{_CELL}{_END}',
        f'{_BEGIN}<table:covered-table-cell table:number-columns-repeated="16000"/>{_CELL}{_END}',
        f'<table:table-row table:number-rows-repeated="9999999"/>{_BEGIN}{_CELL}{_END}',
    ],
)
def test_far_cells_of_ods_are_measured_however_they_are_written(rows: str, *, counts_cells: bool) -> None:
    content = f"{_BEGIN}{_CELL}{_END}" * 3000 + rows
    extent = measure_ods(io.BytesIO(content.encode()), counts_cells=counts_cells)
    assert extent is None or extent.area > 9_000_000
