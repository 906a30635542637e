"""Text extraction from Office documents: unusual main parts, and those of 2003 in XML."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import hostile_files
import sample_documents
import workbook_samples
from extraction_helpers import extract_documents
from fastback.retrieval.interfaces import Document

Extract = Callable[..., list[Document]]


@pytest.fixture
def extract(tmp_path: Path) -> Extract:
    """Return a function that extracts documents like a worker, but in this process."""
    return partial(extract_documents, tmp_path)


@pytest.mark.parametrize(
    ("content", "part", "text"),
    [
        (sample_documents.docx(), "word/document.xml", "# Report"),
        (sample_documents.pptx(), "ppt/presentation.xml", "Slide 1:\nSecond file"),
    ],
)
def test_the_main_part_of_a_document_may_have_another_name(
    extract: Extract, content: bytes, part: str, text: str
) -> None:
    members = workbook_samples.read_members(content)
    folder, name = part.split("/")
    renamed = {
        member.replace(name, name.replace(".", "2.", 1)): member_content for member, member_content in members.items()
    }
    relationship = f'<Relationship Id="r1" Type="urn:x/officeDocument" Target="{folder}/{name.replace(".", "2.")}"/>'
    renamed["_rels/.rels"] = f"<Relationships>{relationship}</Relationships>".encode()
    assert text in extract("a.docx", hostile_files.archive(renamed))[0].text


_WORD_2003 = """<?xml version="1.0"?><?mso-application progid="Word.Document"?>
<w:wordDocument xmlns:w="http://schemas.microsoft.com/office/word/2003/wordml">
<w:styles><w:style w:styleId="X1"><w:name w:val="heading 1"/></w:style></w:styles><w:body>
<w:p><w:pPr><w:pStyle w:val="X1"/></w:pPr><w:r><w:t>Report</w:t></w:r></w:p>
<w:p><w:pPr><w:listPr><w:ilvl w:val="0"/></w:listPr></w:pPr><w:r><w:t>item</w:t></w:r></w:p>
<w:p><w:r><w:pict><w:binData w:name="a">QUJD</w:binData></w:pict><w:t>über</w:t></w:r></w:p>
<w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr>
</w:tbl></w:body></w:wordDocument>"""
_EXCEL_2003 = """<?xml version="1.0"?>
<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">
<Worksheet ss:Name="First"><Table><Row><Cell><Data ss:Type="String">name</Data></Cell>
<Cell ss:Index="3"><Data ss:Type="String">age</Data><Comment><ss:Data>hidden</ss:Data></Comment></Cell></Row>
<Row ss:Index="9"><Cell ss:MergeAcross="1"><Data ss:Type="String">Ada</Data></Cell><Cell><Data ss:Type="Number">36
</Data></Cell><Cell><Data ss:Type="DateTime">2024-01-31T00:00:00.000</Data></Cell></Row>
</Table></Worksheet></Workbook>"""


@pytest.mark.parametrize("extension", ["doc", "docx", "xls", "xlsx", "xml", "txt"])
def test_office_2003_documents_in_xml(extract: Extract, extension: str) -> None:
    (document,) = extract(f"a.{extension}", _WORD_2003)
    assert document.text == "# Report\n\n- item\n\nüber\n\n| a | b |"
    (document,) = extract(f"a.{extension}", _EXCEL_2003)
    assert document.text == "Sheet: First\n| name |  | age |\n| Ada |  | 36 | 2024-01-31 |"
