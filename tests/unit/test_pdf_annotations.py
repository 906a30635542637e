"""Values of form fields and FreeText boxes of PDFs."""

from __future__ import annotations

from pathlib import Path

import hostile_files
from extraction_helpers import extract_documents


def test_form_values_and_text_boxes_are_read(tmp_path: Path) -> None:
    content = hostile_files.pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[5 0 R 8 0 R 9 0 R]>>>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Annots[6 0 R 7 0 R 8 0 R 9 0 R]>>",
            b"<<>>",
            b"<</FT/Tx/T(name)/V(Ada Lovelace)/Kids[6 0 R]>>",
            b"<</Type/Annot/Subtype/Widget/Parent 5 0 R/Rect[50 700 200 720]>>",
            b"<</Type/Annot/Subtype/FreeText/Rect[50 600 200 620]/Contents(See the \\344nnex)/DA(/F 12 Tf)>>",
            b"<</Type/Annot/Subtype/Widget/FT/Ch/Ff 131072/T(city)/Opt[(Bern)(Oslo)]/V(Oslo)/Rect[50 500 200 520]>>",
            b"<</Type/Annot/Subtype/Widget/FT/Tx/Ff 8192/T(code)/V(hidden)/Rect[50 400 200 420]>>",
        ]
    )
    (document,) = extract_documents(tmp_path, "form.pdf", content)
    assert document.text == "Ada Lovelace\nSee the ännex\nOslo"


def test_labels_of_all_selected_options_are_read(tmp_path: Path) -> None:
    content = hostile_files.pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R 5 0 R 6 0 R]>>>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Annots[4 0 R 5 0 R 6 0 R]>>",
            b"<</Type/Annot/Subtype/Widget/FT/Ch/Ff 2097152/T(a)/Opt[(Bern)(Oslo)(Rom)]/V[(Oslo)(Rom)]/Rect[0 0 9 9]>>",
            b"<</Type/Annot/Subtype/Widget/FT/Ch/Ff 131072/T(b)/Opt[[(1)(Kiel)][(2)(Paris)]]/V(2)/Rect[0 0 9 9]>>",
            b"<</Type/Annot/Subtype/Widget/FT/Ch/Ff 393216/T(c)/Opt[(Bonn)]/V(written in)/Rect[0 0 9 9]>>",
        ]
    )
    (document,) = extract_documents(tmp_path, "form.pdf", content)
    assert document.text == "Oslo\nRom\nParis\nwritten in"


def test_a_field_in_several_places_is_read_once(tmp_path: Path) -> None:
    widget = b"<</Type/Annot/Subtype/Widget/Parent 5 0 R/Rect[50 700 200 720]>>"
    content = hostile_files.pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[5 0 R 9 0 R]>>>>",
            b"<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Annots[6 0 R 7 0 R 9 0 R]>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Annots[8 0 R]>>",
            b"<</FT/Tx/T(name)/V(Ada Lovelace)/Kids[6 0 R 7 0 R 8 0 R]>>",
            *[widget] * 3,
            b"<</Type/Annot/Subtype/Widget/FT/Tx/T(friend)/V(Ada Lovelace)/Rect[50 500 200 520]>>",
        ]
    )
    first, second = extract_documents(tmp_path, "form.pdf", content)
    assert (first.text, second.text) == ("Ada Lovelace\nAda Lovelace", "")
