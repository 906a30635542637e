"""The text of a file, written and read in pieces."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from fastback.features.files import text_files
from fastback.kit.workers import spool

LONG = "Störche – 日本\n" * (spool.CHUNK_SIZE // 4)


@pytest.mark.parametrize("texts", [[], [""], ["", ""], ["one"], ["one", "", "two"], [LONG, "", "a\x00b", LONG]])
def test_texts_of_documents_are_joined_and_hashed(tmp_path: Path, texts: list[str]) -> None:
    spool.write_rows(tmp_path / "spool", [({"page": number}, text) for number, text in enumerate(texts)])
    digest = text_files.join_spool_texts(tmp_path / "spool", tmp_path / "text")
    stored = (tmp_path / "text").read_bytes()
    assert stored.decode() == text_files.make_storable(" ".join(texts))
    assert digest == hashlib.sha256(stored).hexdigest() == text_files.hash_text(stored.decode())
    text_files.write_text(tmp_path / "again", stored.decode())
    assert (tmp_path / "again").read_bytes() == stored
    assert text_files.write_document_spool(tmp_path / "again", tmp_path / "spool") == digest
    assert list(spool.read_rows(tmp_path / "spool")) == [({}, stored.decode())]
