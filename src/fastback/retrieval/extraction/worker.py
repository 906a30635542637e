"""Run extraction jobs in a worker process: the worker's side of `extraction_pool`.

Jobs are mappings:

- `{"source": …, "spool": path}` extracts a file. The documents go to the spool as rows of `(metadata, text)`; the
  result is their number.
- `{"repair": path, "spool": path}` repairs texts that an external engine extracted.
- `{"check": source}` raises where an archive is too large when unpacked.
- `{"markdown": path, "max_bytes": bytes, "spool": path}` reads the Markdown in an archive that an engine returned.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import msgspec

from fastback.kit.workers import spool
from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction.formats import archive
from fastback.retrieval.extraction.formats.default_password import open_default_password
from fastback.retrieval.extraction.formats.detection import detect_format
from fastback.retrieval.extraction.formats.reader import DOCUMENT_OVERHEAD, MAX_TEXT, SourceFile, too_much_text
from fastback.retrieval.extraction.text_repair import repair_text


def _extract_rows(source: SourceFile) -> Iterator[spool.Row]:
    """Yield a row for each document of a file. Raises: JobFailed, where the text exceeds `MAX_TEXT`."""
    size = 0
    with open_default_password(source) as readable:
        reader = importlib.import_module(f"fastback.retrieval.extraction.formats.{detect_format(readable)}")
        for text, metadata in reader.read_texts(readable):
            size += len(text) + DOCUMENT_OVERHEAD
            if size > MAX_TEXT:
                raise too_much_text()
            yield {**metadata, "source": source.path}, repair_text(text)


def _write_rows(rows: Iterator[spool.Row], path: str) -> int:
    """Write rows to the spool at `path`, and return their number."""
    count = 0

    def count_rows() -> Iterator[spool.Row]:
        nonlocal count
        for row in rows:
            count += 1
            yield row

    spool.write_rows(path, count_rows())
    return count


def _read_markdown(path: str, max_bytes: int) -> str:
    """Return the first Markdown file in an archive that is not empty."""
    with archive.open_archive(SourceFile(path, "result.zip", max_size=0)) as zip_archive:
        for name in sorted(name for name in zip_archive.names if name.endswith(".md")):
            with zip_archive.open_member(name) as stream:
                content = stream.read(max_bytes + 1)
            if len(content) > max_bytes:
                raise JobFailed(f"Markdown file in results ZIP is too large: {name}")
            if text := content.decode("utf-8", "replace"):
                return text
    raise JobFailed("No .md files found in ZIP.")


def handle(job: dict[str, Any]) -> int:
    """Run one job; the module's docstring lists the kinds."""
    if "repair" in job:
        return _write_rows(((head, repair_text(text)) for head, text in spool.read_rows(job["repair"])), job["spool"])
    if "check" in job:
        archive.check_archive_size(msgspec.convert(job["check"], SourceFile))
        return 0
    if "markdown" in job:
        return _write_rows(iter(((None, _read_markdown(job["markdown"], job["max_bytes"])),)), job["spool"])
    return _write_rows(_extract_rows(msgspec.convert(job["source"], SourceFile)), job["spool"])
