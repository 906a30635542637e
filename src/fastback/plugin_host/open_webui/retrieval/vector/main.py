"""Results of collections of vectors."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.record_models import Record


class VectorItem(Record):
    id: str
    text: str
    vector: list[float | int]
    metadata: Any


class GetResult(Record):
    ids: list[list[str]] | None = None
    documents: list[list[str]] | None = None
    metadatas: list[list[Any]] | None = None


class SearchResult(GetResult):
    distances: list[list[float | int]] | None = None
