"""Text extraction from Office documents: unusual main parts, and those of 2003 in XML."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path

import olefile
import pytest

import hostile_files
import illustrated_documents
import old_word_documents
import sample_documents
import workbook_samples
from extraction_helpers import extract_documents
from fastback import messages
from fastback.kit.workers.errors import JobFailed
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
<Cell ss:Index="3"><Data ss:Type="String">age</Data>
<Comment ss:Author="Bo"><ss:Data>in <B>years</B></ss:Data></Comment></Cell>
</Row>
<Row ss:Index="9"><Cell ss:MergeAcross="1"><Data ss:Type="String">Ada</Data></Cell><Cell><Data ss:Type="Number">36
</Data></Cell><Cell><Data ss:Type="DateTime">2024-01-31T00:00:00.000</Data></Cell></Row>
</Table></Worksheet></Workbook>"""


@pytest.mark.parametrize("extension", ["doc", "docx", "xls", "xlsx", "xml", "txt"])
def test_office_2003_documents_in_xml(extract: Extract, extension: str) -> None:
    (document,) = extract(f"a.{extension}", _WORD_2003)
    assert document.text == "# Report\n\n- item\n\nüber\n\n| a | b |"
    (document,) = extract(f"a.{extension}", _EXCEL_2003)
    assert (
        document.text == "Sheet: First\n| name |  | age |\n| Ada |  | 36 | 2024-01-31 |\nComment on C1 by Bo: in years"
    )


@pytest.mark.parametrize(
    ("language_id", "character_set", "encoding", "text"),
    [
        (0x0419, 0, "cp1251", "Привет"),
        (0x0405, 0, "cp1250", "Příliš"),
        (0x0411, 0, "cp932", "日本"),
        (0x0407, 0, "cp1252", "Grüße"),
        (0x0409, 0x0100, "mac_roman", "Grüße"),
    ],
)
def test_documents_before_word_97_are_read_in_their_code_page(
    extract: Extract, language_id: int, character_set: int, encoding: str, text: str
) -> None:
    content = text.encode(encoding)
    main = bytearray(2048)
    struct.pack_into("<HHHH", main, 0, 0xA5DC, 0x0065, 0, language_id)
    struct.pack_into("<HxxII", main, 0x14, character_set, 1024, 1024 + len(content))
    main[1024 : 1024 + len(content)] = content
    (document,) = extract("a.doc", sample_documents.compound({"WordDocument": bytes(main)}))
    assert document.text == text


def test_fonts_decide_the_encoding_of_documents_before_word_97(extract: Extract) -> None:
    parts = (
        ("Привет, ", "cp1251", 1),
        ("Grüße ", "cp1252", 0),
        ("Příliš ", "cp1250", 2),
        ("日本 ", "cp932", 3),
        ("мир", "cp1251", None),
    )
    charsets = (0, 204, 238, 128)
    text = "Привет, Grüße Příliš 日本 мир"
    (document,) = extract("a.doc", old_word_documents.word_95(parts, charsets, default_font=1))
    assert document.text == text
    (document,) = extract("a.doc", old_word_documents.word_95(parts, (0, 204, 238, 128), language_id=0x0419))
    assert document.text == text.replace("Grüße", "GrьЯe")  # a Western European font may have any language
    reordered = old_word_documents.word_95(parts, charsets, default_font=1, order=(4, 1, 0))
    assert extract("a.doc", reordered)[0].text == "мирGrüße Привет,"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("declaration", ['<?xml version="1.0"', '<?xml version="1.0" encoding="UTF-16"'])
def test_office_2003_documents_in_utf_16(extract: Extract, encoding: str, declaration: str) -> None:
    for content, text in ((_WORD_2003, "über"), (_EXCEL_2003, "| name |  | age |")):
        (document,) = extract("a.xml", content.replace('<?xml version="1.0"', declaration).encode(encoding))
        assert text in document.text
        assert "<" not in document.text


def test_an_encoding_that_is_declared_wrongly_does_not_hinder_reading(extract: Extract) -> None:
    content = _EXCEL_2003.replace('version="1.0"?', 'version="1.0" encoding="UTF-8"?').encode("utf-16")
    assert "| name |  | age |" in extract("a.xls", content)[0].text


def test_comments_and_notes_follow_their_slide(extract: Extract) -> None:
    (document,) = extract("a.ppt", illustrated_documents.ppt())
    assert document.text == (
        "Slide 1:\nHerons\nA heron at noon\n\nComment by Ada: Count again\n\nNotes: Of herons\n\n"
        "Slide 2:\nStorks\n\nNotes: Of storks"
    )


def test_presentations_of_powerpoint_95(extract: Extract) -> None:
    with olefile.OleFileIO(sample_documents.ppt()) as file:
        streams = {name: file.openstream(name).read() for name in ("PowerPoint Document", "Current User")}
    both = {f"PP97_DUALSTORAGE/{name}": content for name, content in streams.items()}
    (document,) = extract("a.ppt", sample_documents.compound({"PowerPoint Document": b"old", **both}))
    assert document.text == "Slide 1:\nTitle\nBody Ω\nbox"
    for name in ("PowerPoint Document", "PP40"):
        with pytest.raises(JobFailed) as error:
            extract("a.ppt", sample_documents.compound({name: b"old"}))
        assert str(error.value) == messages.FILE_NOT_SUPPORTED
