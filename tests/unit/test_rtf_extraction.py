"""Text extraction from rich text: notes, comments, shapes, lists and deleted text."""

from __future__ import annotations

from pathlib import Path

import pytest

from extraction_helpers import extract_documents


def _extract(folder: Path, body: str) -> str:
    (document,) = extract_documents(folder, "a.rtf", rf"{{\rtf1\ansi\ansicpg1252 {body}}}")
    return document.text


def test_notes_and_comments_follow_the_text(tmp_path: Path) -> None:
    body = (
        r"First{\super\chftn}{\footnote\pard A {\b foot}note\par of two}, then{\*\footnote\ftnalt At the end}"
        r" {\*\atnid AL}{\*\atnauthor Ada}\chatn{\*\annotation{\*\atndate 5}\pard Really?\par Again?} more.\par "
        r"\trowd\intbl One{\footnote In a cell}\cell Two\cell\row\pard Last{\*\annotation No author}"
    )
    assert _extract(tmp_path, body) == (
        "First, then  more.\n\n| One | Two |\n\nLast\n\nA footnote\nof two\n\nAt the end\n\n"
        "Comment by Ada: Really? Again?\n\nIn a cell\n\nComment: No author"
    )


def test_shapes_show_their_texts_and_not_their_properties(tmp_path: Path) -> None:
    body = (
        r"\pard Around {\shp{\*\shpinst\shpleft0{\sp{\sn shapeType}{\sv 202}}{\sp{\sn wzDescription}{\sv A heron}}"
        r"{\sp{\sn gtextUNICODE}{\sv Big letters}}{\shptxt\pard\intbl In a box\cell\row\pard below\par}}"
        r"{\shprslt{\*\do\dptxbxtext In a box}In a box}} it.\par Next\par"
    )
    assert _extract(tmp_path, body) == ("A heron\n\nBig letters\n\n| In a box |\n\nbelow\n\nAround  it.\n\nNext")


def test_a_box_in_a_cell_has_a_table_of_its_own(tmp_path: Path) -> None:
    body = r"\intbl One{\shp{\*\shpinst{\shptxt\intbl Inner\cell\row}}}\cell Two\cell\row\pard After\par"
    text = _extract(tmp_path, body)
    assert text.index("Inner") < text.index("Two") < text.index("After") and text.endswith("\n\nAfter")


def test_lists_and_deleted_text(tmp_path: Path) -> None:
    body = (
        r"\pard\plain\ls1\ilvl0{\listtext\pard\plain\'b7\tab}item\par\ilvl1 sub-item\par\pard plain\ls0\par"
        r"\pard x{\deleted\revauthdel1 gone}y{\deleted0 stays}{\xe{\v index entry}} z\par"
    )
    assert _extract(tmp_path, body) == "- item\n  - sub-item\n\nplain\n\nxystays z"


@pytest.mark.parametrize("word", ["shptxt", "footnote", "*\\annotation", "sv"])
def test_unclosed_and_nested_groups_lose_nothing(tmp_path: Path, word: str) -> None:
    assert _extract(tmp_path, rf"begin {{\{word} middle").endswith(("begin", "middle", "begin "))
    text = _extract(tmp_path, rf"begin {{\{word} " * 500 + "end" + "}" * 500)
    assert "begin" in text
