"""The text of a file, in pieces."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from fastback.features.files import texts
from fastback.kit.workers import spool

LONG = "Störche – 日本\n" * (spool.PIECE // 4)


@pytest.mark.parametrize("said", [[], [""], ["", ""], ["one"], ["one", "", "two"], [LONG, "", "a\x00b", LONG]])
def test_what_documents_say_together(tmp_path: Path, said: list[str]) -> None:
    spool.write(tmp_path / "spool", [({"page": number}, text) for number, text in enumerate(said)])
    found = texts.joined(tmp_path / "spool", tmp_path / "text")
    kept = (tmp_path / "text").read_bytes()
    assert kept.decode() == texts.storable(" ".join(said))
    assert found == hashlib.sha256(kept).hexdigest() == texts.hash_of(kept.decode())
    texts.write(tmp_path / "again", kept.decode())
    assert (tmp_path / "again").read_bytes() == kept
    assert texts.document(tmp_path / "again", tmp_path / "spool") == found
    assert list(spool.read(tmp_path / "spool")) == [({}, kept.decode())]
