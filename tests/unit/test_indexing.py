"""Indexing documents into a collection: a cancelled run leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import pytest

from fastback.retrieval.indexing import BATCH_SIZE, Indexer
from fastback.retrieval.interfaces import Document, Item, SpooledDocuments, Vector
from fastback.retrieval.vectors.sqlite import SqliteStore
from vector_stores import make_vector


class _Splitter:
    async def split(self, documents: Sequence[Document] | SpooledDocuments) -> AsyncGenerator[Document, None]:
        assert not isinstance(documents, SpooledDocuments)
        for document in documents:
            yield document


class _Embedder:
    signature: dict[str, Any] = {"engine": "", "model": "m"}  # noqa: RUF012

    async def embed_content(self, texts: Sequence[str], *, ctx: Any = None) -> list[Vector]:
        return [make_vector(1) for _ in texts]

    async def embed_queries(self, texts: Sequence[str], *, ctx: Any = None) -> list[Vector]:
        raise AssertionError


class _BlockingStore(SqliteStore):
    """A store that writes the last batch and never returns."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.written = asyncio.Event()

    async def upsert(self, collection: str, items: Sequence[Item]) -> None:
        await super().upsert(collection, items)
        if len(items) < BATCH_SIZE:
            self.written.set()
            await asyncio.Event().wait()


async def test_a_cancelled_indexing_leaves_no_chunks(tmp_path: Path) -> None:
    store = _BlockingStore(tmp_path)
    indexer = Indexer(_Splitter(), _Embedder(), store)
    documents = [Document(f"number {n}") for n in range(BATCH_SIZE + 1)]
    indexing = asyncio.create_task(indexer.index_documents("file-a", documents))
    await store.written.wait()
    assert await store.count_chunks("file-a") == BATCH_SIZE + 1
    indexing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await indexing
    assert await store.count_chunks("file-a") == 0
    await store.close()
