"""`bench.documents`: figures of a directory of documents, compared with an independent extractor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def test_documents_are_counted_and_compared(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "a.html").write_text("<title>no</title><p>Herons stand on one leg</p>")
    (corpus / "b.eml").write_text("From: a@b.c\n\nHerons stand\n")
    (corpus / "c.docx").write_bytes(b"damaged")
    figures, earlier = tmp_path / "figures.json", tmp_path / "earlier.json"
    earlier.write_text(json.dumps({"html": {"words": 3}}))
    result = subprocess.run(
        [sys.executable, "-m", "bench.documents", "--corpus", corpus, "--compare", earlier, "--write", figures],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "| html | 1 | 0 | 3 → 5 | Python | 1.0 |" in result.stdout
    rows = json.loads(figures.read_text())
    assert (rows["docx"]["failures"], rows["docx"]["recall"]) == (1, None)
    assert rows["eml"]["recall"] >= 1 and rows["eml"]["peak"] > 10_000_000
