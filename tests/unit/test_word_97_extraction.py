"""Text extraction from .doc files: headings, lists, tables, notes, comments, fields, deleted text."""

from __future__ import annotations

import io
from pathlib import Path

import olefile
import pytest

import sample_documents
from extraction_helpers import extract_documents
from fastback.kit.workers.errors import JobFailed
from word_97_documents import (
    IN_TABLE,
    INNER_CELL,
    INNER_ROW_END,
    ROW_END,
    Paragraph,
    doc,
    one_byte,
    table_depth,
    two_bytes,
)


def _extract(folder: Path, content: bytes) -> str:
    (document,) = extract_documents(folder, "a.doc", content)
    return document.text


def test_headings_and_lists(tmp_path: Path) -> None:
    item = two_bytes(0x460B, 3)
    content = doc(
        [
            Paragraph("Title\r", style=4),
            Paragraph("Part\r", style=1),
            Paragraph("Like a part\r", style=2),
            Paragraph("Outlined\r", properties=one_byte(0x2640, 0)),
            Paragraph("Text after it\r", style=2, properties=one_byte(0x2640, 9)),
            Paragraph("item\r", properties=item),
            Paragraph("sub-item\r", properties=one_byte(0x260A, 1) + item),
            Paragraph("by style\r", style=3),
            Paragraph("no item\r", style=3, properties=two_bytes(0x460B, 0)),
        ]
    )
    assert _extract(tmp_path, content) == (
        "# Title\n\n## Part\n\n## Like a part\n\n# Outlined\n\nText after it\n\n"
        "- item\n  - sub-item\n- by style\n\nno item"
    )


def test_tables_and_what_follows_them(tmp_path: Path) -> None:
    inner = table_depth(2)
    content = doc(
        [
            Paragraph("Before\r"),
            Paragraph("one\r", properties=IN_TABLE),
            Paragraph("more\x07", properties=IN_TABLE),
            Paragraph("two\x07", properties=IN_TABLE + table_depth(1)),
            Paragraph("\x07", properties=IN_TABLE + ROW_END),
            Paragraph("in a table in a table\r", properties=IN_TABLE + inner + INNER_CELL),
            Paragraph("\r", properties=IN_TABLE + inner + INNER_ROW_END),
            Paragraph("\x07", properties=IN_TABLE),
            Paragraph("\x07", properties=IN_TABLE + ROW_END),
            Paragraph("After\x0c"),
            Paragraph("On a new page\r"),
        ]
    )
    assert _extract(tmp_path, content) == (
        "Before\n\n| one more | two |\n| | in a table in a table | |\n\nAfter\n\nOn a new page"
    )


def test_notes_comments_and_headers_follow_the_text(tmp_path: Path) -> None:
    content = doc(
        [Paragraph("Text\x02 and 𝄞 more\x05\r")],
        parts=[[Paragraph("\x02 A footnote\r")], [Paragraph("\x03\r"), Paragraph("A header\r")]],
        comments=[("Ada", "Really?"), ("Łukasz", "𝄞 Yes")],
    )
    assert _extract(tmp_path, content) == (
        "Text and 𝄞 more\n\nA footnote\n\nComment by Ada: Really?\n\nComment by Łukasz: 𝄞 Yes\n\nA header"
    )


def test_deleted_text_and_codes_of_fields_are_left_out(tmp_path: Path) -> None:
    content = doc(
        [
            Paragraph("kept "),
            Paragraph("deleted ", is_deleted=True),
            Paragraph("text \x13 HYPERLINK \x13 A \x14 x \x15\x14shown \x13 PAGE \x14", style=0),
            Paragraph("7\x15 and\x15 \x13 XE index\x15end\r"),
        ]
    )
    assert _extract(tmp_path, content) == "kept text shown 7 and end"


def test_a_document_with_damaged_properties_keeps_its_text(tmp_path: Path) -> None:
    whole = doc([Paragraph("Part\r", style=1), Paragraph("Text\r")])
    with olefile.OleFileIO(io.BytesIO(whole)) as file:
        main, table = (file.openstream(name).read() for name in ("WordDocument", "1Table"))
    for damaged in (main[: 14 * 512] + bytes(1024), main[: 14 * 512] + bytes((255,)) * 1024):
        content = sample_documents.compound({"WordDocument": damaged, "1Table": table})
        assert "Text" in _extract(tmp_path, content)
    with pytest.raises(JobFailed, match="cannot be read as a Word document"):
        _extract(tmp_path, sample_documents.compound({"WordDocument": main, "1Table": bytes(10)}))
