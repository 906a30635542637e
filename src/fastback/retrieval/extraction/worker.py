"""The worker's side of extraction: one job a file.

A job is `{"source": …, "spool": path}`, its answer the number of documents; they stand in the spool as rows of
`(metadata, text)`. A job `{"mend": path, "spool": path}` puts texts right that come from elsewhere.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import msgspec

from fastback.kit.workers import spool
from fastback.retrieval.extraction.formats.kinds import kind_of
from fastback.retrieval.extraction.formats.reading import DOCUMENT, MOST_TEXT, Source, too_much
from fastback.retrieval.extraction.mending import mended


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


def handle(job: dict[str, Any]) -> int:
    if "mend" in job:
        return _counted(((head, mended(text)) for head, text in spool.read(job["mend"])), job["spool"])
    return _counted(_rows(msgspec.convert(job["source"], Source)), job["spool"])
