"""The worker's side of extraction: one job a file.

A job is `{"source": …, "spool": path}`, its answer the number of documents; they stand in the spool as rows of
`(metadata, text)`. A job `{"mend": path, "spool": path}` puts texts right that come from elsewhere, `{"check": source}`
looks whether an archive is too large, `{"markdown": path, "most": bytes, "spool": path}` takes the text out of the
archive of an engine.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import msgspec

from fastback.kit.workers import spool
from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction.formats import archive
from fastback.retrieval.extraction.formats.detection import kind_of
from fastback.retrieval.extraction.formats.reader import DOCUMENT, MOST_TEXT, Source, too_much
from fastback.retrieval.extraction.text_repair import mended


def _rows(source: Source) -> Iterator[spool.Row]:
    reader = importlib.import_module(f"fastback.retrieval.extraction.formats.{kind_of(source)}")
    size = 0
    for text, metadata in reader.read(source):
        size += len(text) + DOCUMENT
        if size > MOST_TEXT:
            raise too_much()
        yield metadata, mended(text)


def _counted(rows: Iterator[spool.Row], path: str) -> int:
    count = 0

    def each() -> Iterator[spool.Row]:
        nonlocal count
        for row in rows:
            count += 1
            yield row

    spool.write(path, each())
    return count


def _markdown(path: str, most: int) -> str:
    """The first Markdown in an archive that says something."""
    with archive.opened(Source(path, "result.zip", max_size=0)) as opened:
        for name in sorted(name for name in opened.names if name.endswith(".md")):
            with opened.member(name) as stream:
                content = stream.read(most + 1)
            if len(content) > most:
                raise JobFailed(f"Markdown file in results ZIP is too large: {name}")
            if text := content.decode("utf-8", "replace"):
                return text
    raise JobFailed("No .md files found in ZIP.")


def handle(job: dict[str, Any]) -> int:
    if "mend" in job:
        return _counted(((head, mended(text)) for head, text in spool.read(job["mend"])), job["spool"])
    if "check" in job:
        archive.check(msgspec.convert(job["check"], Source))
        return 0
    if "markdown" in job:
        return _counted(iter(((None, _markdown(job["markdown"], job["most"])),)), job["spool"])
    return _counted(_rows(msgspec.convert(job["source"], Source)), job["spool"])
