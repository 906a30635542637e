"""The text of a file, in pieces."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from fastback.features.files import text_files
from fastback.kit.workers import spool

LONG = "Störche – 日本\n" * (spool.CHUNK_SIZE // 4)


@pytest.mark.parametrize("said", [[], [""], ["", ""], ["one"], ["one", "", "two"], [LONG, "", "a\x00b", LONG]])
def test_what_documents_say_together(tmp_path: Path, said: list[str]) -> None:
    spool.write_rows(tmp_path / "spool", [({"page": number}, text) for number, text in enumerate(said)])
    found = text_files.join_spool_texts(tmp_path / "spool", tmp_path / "text")
    kept = (tmp_path / "text").read_bytes()
    assert kept.decode() == text_files.make_storable(" ".join(said))
    assert found == hashlib.sha256(kept).hexdigest() == text_files.hash_text(kept.decode())
    text_files.write_text(tmp_path / "again", kept.decode())
    assert (tmp_path / "again").read_bytes() == kept
    assert text_files.write_document_spool(tmp_path / "again", tmp_path / "spool") == found
    assert list(spool.read_rows(tmp_path / "spool")) == [({}, kept.decode())]
