"""Texts of PDFs whose East Asian fonts are not embedded, on a machine that may lack such fonts."""

from __future__ import annotations

from pathlib import Path

import sample_documents
from fastback.kit.workers import spool
from fastback.retrieval.extraction.extraction_pool import ExtractionPool
from fastback.retrieval.extraction.formats.reader import SourceFile

_FONTS = [
    ("STSong-Light", "UniGB-UCS2-H", "GB1", "utf-16-be", "春天来了"),
    ("STSong-Light", "UniGB-UCS2-V", "GB1", "utf-16-be", "春天来了"),
    ("HeiseiMin-W3", "90ms-RKSJ-H", "Japan1", "cp932", "吾輩は猫である"),
    ("HeiseiMin-W3", "90ms-RKSJ-V", "Japan1", "cp932", "吾輩は猫である"),
    ("MSung-Light", "ETen-B5-V", "CNS1", "big5", "春天花開"),
    ("HYSMyeongJo-Medium", "KSCms-UHC-V", "Korea1", "cp949", "안녕하세요"),
]


async def test_a_worker_reads_text_of_fonts_that_are_not_embedded(tmp_path: Path) -> None:
    pool = ExtractionPool()
    spool_path = str(tmp_path / "spool")
    texts = {}
    for font, character_map, ordering, encoding, text in _FONTS:
        path = tmp_path / f"{character_map}.pdf"
        path.write_bytes(sample_documents.pdf_with_named_font(font, character_map, ordering, text.encode(encoding)))
        await pool.extract_to_spool(SourceFile(str(path), path.name, "pdf"), spool_path)
        texts[character_map] = "".join(text for _, text in spool.read_rows(spool_path)).split()
    await pool.close()
    assert {name: "".join(words) for name, words in texts.items()} == {name: text for _, name, _, _, text in _FONTS}
