"""Text extraction from workbooks: the content determines the format, and cells cost what they hold."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

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
