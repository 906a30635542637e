"""Text extraction from workbooks: the content determines the format, and cells cost what they hold."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import hostile_files
import sample_documents
import workbook_samples
from extraction_helpers import extract_documents
from fastback.retrieval.interfaces import Document

Extract = Callable[..., list[Document]]

#: Makes a workbook of the same table in each format.
FORMATS: dict[str, Callable[[], bytes]] = {
    "xlsx": sample_documents.xlsx,
    "xls": sample_documents.xls,
    "ods": sample_documents.ods,
    "xlsb": lambda: workbook_samples.xlsb(workbook_samples.PEOPLE),
}
TABLE = "Sheet: First\n| name | age |\n| Ada | 36 |"


@pytest.fixture
def extract(tmp_path: Path) -> Extract:
    """Return a function that extracts documents like a worker, but in this process."""
    return partial(extract_documents, tmp_path)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("extension", [*FORMATS, "doc", "docx", "ppt", "pptx", "odt", "txt", "csv", "bin"])
def test_a_workbook_is_read_whatever_its_name(extract: Extract, kind: str, extension: str) -> None:
    (document,) = extract(f"a.{extension}", FORMATS[kind](), "application/vnd.ms-excel")
    assert document.text == TABLE


def test_a_chart_does_not_lose_the_other_sheets(extract: Extract) -> None:
    (document,) = extract("a.xlsb", workbook_samples.xlsb(workbook_samples.PEOPLE, chart=True))
    assert document.text == TABLE


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (sample_documents.docx, "# Report"),
        (sample_documents.doc, "Grüße"),
        (sample_documents.ppt, "Title"),
        (sample_documents.pptx, "Second file"),
        (sample_documents.odt, "# Report"),
        (sample_documents.epub, "# Two"),
        (lambda: sample_documents.RTF, "# Head"),
    ],
)
@pytest.mark.parametrize("extension", ["docx", "doc", "ppt", "xlsx", "odt", "csv", "html", "eml"])
def test_a_document_is_read_whatever_its_name(
    extract: Extract, content: Callable[[], Any], text: str, extension: str
) -> None:
    (document,) = extract(f"a.{extension}", content())
    assert text in document.text


def test_far_cells_cost_what_they_hold(extract: Extract) -> None:
    tracemalloc.start()
    try:
        (document,) = extract("a.xlsx", hostile_files.xlsx(hostile_files.FAR_CORNER, name="First"))
        lines = document.text.split("\n")
        assert lines[:2] == ["Sheet: First", "| 1 |"] and lines[2].strip("| ") == "1" and len(document.text) < 1000
        rows = b"".join(
            b'<row r="%d"><c r="%c%c%d"><v>1</v></c></row>' % (row, 65 + row // 26 % 26, 65 + row % 26, row)
            for row in range(1, 20_000)
        )
        (document,) = extract("a.xlsx", hostile_files.xlsx(rows), max_size=0)
        assert document.text.count("1") == 19_999 and len(document.text) < 1_500_000
        assert tracemalloc.get_traced_memory()[1] < 40 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_cells_keep_their_columns_and_kinds(extract: Extract) -> None:
    rows = (
        b'<row r="3"><c r="B3" t="s"><v>0</v></c><c r="D3" s="1"><v>45292</v></c><c s="1"><v>45292.5</v></c></row>'
        b'<row><c r="C4" s="2"><v>1.5</v></c><c t="b"><v>1</v></c><c t="str"><v>a_x0041_</v></c>'
        b'<c t="e"><v>#N/A</v></c>'
        b'<c t="d"><v>2024-01-01T10:00:00</v></c><c s="1"><v>0.25</v></c></row>'
    )
    content = workbook_samples.add_styles_and_texts(
        hostile_files.xlsx(rows, name="First"), formats=("General", "yyyy-mm-dd", "[h]:mm"), texts=("Ada", "Bob")
    )
    (document,) = extract("a.xlsx", content)
    assert document.text == (
        "Sheet: First\n| Ada |  | 2024-01-01 | 2024-01-01 12:00:00 |\n"
        "|  | 1 day, 12:00:00 | TRUE | aA |  | 2024-01-01 10:00:00 | 06:00:00 |"
    )


def test_parts_are_located_by_their_relationships(extract: Extract) -> None:
    members = workbook_samples.read_members(sample_documents.xlsx())
    renamed = {
        name.replace("xl/workbook.xml", "xl/book2.xml").replace("workbook.xml.rels", "book2.xml.rels"): content.replace(
            b"xl/workbook.xml", b"/xl/Book2.xml"
        )
        for name, content in members.items()
    }
    (document,) = extract("a.xlsx", hostile_files.archive(renamed))
    assert document.text == TABLE
    backslashes = {name.replace("/", "\\"): content for name, content in members.items()}
    (document,) = extract("a.xlsx", hostile_files.archive(backslashes))
    assert document.text == TABLE
