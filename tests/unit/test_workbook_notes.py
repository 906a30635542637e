"""Text extraction from workbooks: comments, text boxes and charts beside the cells."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import binary_workbooks
import illustrated_documents
import workbook_samples
from extraction_helpers import extract_documents
from fastback.retrieval.interfaces import Document

Extract = Callable[..., list[Document]]


@pytest.fixture
def extract(tmp_path: Path) -> Extract:
    """Return a function that extracts documents like a worker, but in this process."""
    return partial(extract_documents, tmp_path)


def test_notes_of_xls(extract: Extract) -> None:
    chart = binary_workbooks.chart("Herons counted", "Pairs", {"North": {"May": 4.0, "June": 4.5}, "South": {"May": 7}})
    first = binary_workbooks.make_sheet(
        binary_workbooks.label(0, 0, "cell"),
        binary_workbooks.text_object(1, 6, "Boxed\nat noon"),
        binary_workbooks.begin(binary_workbooks.CHART_SHEET) + chart + binary_workbooks.record(0x0A),
        binary_workbooks.text_object(2, 0x19, "Counted by łódź"),
        binary_workbooks.comment(1, 27, 2, "Ada"),
        binary_workbooks.label(1, 0, "below"),
    )
    drawn = binary_workbooks.make_sheet(chart, kind=binary_workbooks.CHART_SHEET)
    empty = binary_workbooks.make_sheet(kind=binary_workbooks.CHART_SHEET)
    (document,) = extract("a.xls", binary_workbooks.xls({"First": first, "Drawn": drawn, "Empty": empty}))
    lines = "Chart: Herons counted\nAxis: Pairs\nNorth: May = 4; June = 4.5\nSouth: May = 7"
    assert document.text == (
        f"Sheet: First\n| cell |\n| below |\n{lines}\nBoxed\nat noon\nComment on AB2 by Ada: Counted by łódź\n\n"
        f"Sheet: Drawn\n{lines}"
    )


def test_notes_of_xlsb(extract: Extract) -> None:
    members = workbook_samples.read_members(illustrated_documents.xlsx())
    more = {name: members[name] for name in ("xl/drawings/drawing1.xml", "xl/threadedComments/threadedComment1.xml")}
    more["xl/worksheets/_rels/sheet1.bin.rels"] = illustrated_documents.make_relations(
        ("comments", "../comments1.bin"),
        ("threadedComment", "../threadedComments/threadedComment1.xml"),
        ("drawing", "../drawings/drawing1.xml"),
        ("chart", "../charts/chart1.xml"),
    )
    more["xl/charts/chart1.xml"] = illustrated_documents.CHART
    comments = ((0, 0, "Bob", "[Threaded comment] seen"), (1, 27, "Ada", "A note"))
    (document,) = extract("a.xlsb", workbook_samples.xlsb(workbook_samples.PEOPLE, comments=comments, more=more))
    assert document.text == (
        "Sheet: First\n| name | age |\n| Ada | 36 |\nA heron at dawn\nBoxed\n"
        f"{illustrated_documents.CHART_LINES}\nComment on A1: Why 36?\nComment on A1: Counted twice\n"
        "Comment on AB2 by Ada: A note"
    )


def test_notes_of_ods(extract: Extract) -> None:
    notes = (
        "<office:annotation><creator>Ada</creator><date>2024-01-01</date><text:p>Counted <text:span>at</text:span>"
        "</text:p><text:p>dawn</text:p></office:annotation><draw:frame><draw:text-box><text:p>Boxed</text:p>"
        '</draw:text-box></draw:frame><draw:frame><draw:object href="./Object 1"/></draw:frame>'
    )
    chart = b"""<d xmlns:c="urn:chart" xmlns:x="urn:x"><c:chart><c:title><x:p>Herons counted</x:p></c:title>
        <c:axis><c:title><x:p>Pairs</x:p></c:title></c:axis><x:table><x:table-row><x:table-cell><x:p>North</x:p>
        <g><desc>First.A1:First.A1</desc></g></x:table-cell><x:table-cell><x:p>4</x:p></x:table-cell></x:table-row>
        </x:table></c:chart></d>"""
    content = workbook_samples.ods(
        [(2, 1, "cell"), (2, 2, "more")], notes=notes, objects={"Object 1/content.xml": chart}
    )
    (document,) = extract("a.ods", content)
    assert document.text == (
        "Sheet: First\n| cell | more |\nComment on B3 by Ada: Counted at dawn\nBoxed\n"
        "Chart: Herons counted\nAxis: Pairs\n| North | 4 |"
    )
