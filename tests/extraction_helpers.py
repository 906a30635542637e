"""Extract documents as a worker does, but in the process of the test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from fastback.kit.workers import spool
from fastback.retrieval.extraction import worker
from fastback.retrieval.extraction.formats.reader import SourceFile
from fastback.retrieval.interfaces import Document


def extract_documents(
    folder: Path, name: str, content: bytes | str, content_type: str = "", **options: Any
) -> list[Document]:
    """Store the content in a folder, with the extension of its name, and return its documents."""
    extension = name.rsplit(".", 1)[-1].lower()
    path = folder / f"file.{extension}"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    source = SourceFile(str(path), name, extension, content_type, **options)
    count = worker.handle({"source": msgspec.to_builtins(source), "spool": str(folder / "spool")})
    documents = [Document(text, metadata) for metadata, text in spool.read_rows(folder / "spool")]
    assert len(documents) == count
    return documents
