"""Indexing of documents: split, embedded and written in batches, so that a large file needs no more memory."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

from fastback import messages
from fastback.kit.storable_text import remove_unstorable
from fastback.providers.request_context import RequestContext
from fastback.retrieval.interfaces import (
    Document,
    Embedder,
    Item,
    Metadata,
    RetrievalError,
    Splitter,
    SpooledDocuments,
    VectorStore,
)

#: Chunks that are embedded and written at once.
BATCH_SIZE = 128


class Indexer:
    """Writes documents to collections."""

    def __init__(self, splitter: Splitter, embedder: Embedder, store: VectorStore) -> None:
        self._splitter = splitter
        self._embedder = embedder
        self._store = store

    async def index_documents(
        self,
        collection: str,
        documents: Sequence[Document] | SpooledDocuments,
        metadata: Metadata | None = None,
        *,
        overwrite: bool = False,
        add: bool = False,
        ctx: RequestContext | None = None,
    ) -> int:
        """Split, embed and write documents. Return the number of chunks.

        `metadata` are merged into those of each chunk. If the collection contains their `hash` for another file, the
        content is refused as a duplicate. An existing collection is replaced with `overwrite`, extended with `add`, and
        otherwise left unchanged (0).

        Raises:
            RetrievalError: there is no text, it is a duplicate, or an engine failed; no chunk of it remains in the
                collection.
        """
        extra = dict(metadata or {})
        if await self._is_duplicate(collection, extra):
            raise RetrievalError(messages.DUPLICATE_CONTENT)
        extra["embedding_config"] = self._embedder.signature
        written: list[str] = []
        try:
            async with aclosing(self._splitter.split(documents)) as chunks:
                async for batch in _group_into_batches(chunks):
                    if not written and not await self._is_open(collection, overwrite=overwrite, add=add):
                        return 0
                    items = await self._build_items(batch, extra, ctx)
                    written += [item.id for item in items]  # a failed or cancelled write may have written some
                    await self._store.upsert(collection, items)
        except BaseException:
            if written:
                await self._store.delete_chunks(collection, ids=written)
            raise
        if not written:
            raise RetrievalError(messages.EMPTY_CONTENT)
        return len(written)

    async def _is_open(self, collection: str, *, overwrite: bool, add: bool) -> bool:
        """Return whether chunks may be written to a collection; `overwrite` deletes an existing one first."""
        exists = await self._store.has_collection(collection)
        if exists and overwrite:
            await self._store.drop_collection(collection)
        return not exists or overwrite or add

    async def _build_items(self, chunks: Sequence[Document], extra: Metadata, ctx: RequestContext | None) -> list[Item]:
        texts = [remove_unstorable(chunk_document.text) for chunk_document in chunks]
        vectors = await self._embedder.embed_content([text.replace("\n", " ") for text in texts], ctx=ctx)
        return [
            Item(str(uuid.uuid4()), text, vector, {**chunk.metadata, **extra})
            for text, vector, chunk in zip(texts, vectors, chunks, strict=True)
        ]

    async def _is_duplicate(self, collection: str, metadata: Metadata) -> bool:
        """Return whether the collection contains the same content from another file."""
        content_hash = metadata.get("hash")
        if not content_hash:
            return False
        chunks = await self._store.find_chunks(collection, {"hash": content_hash}, 1)
        return bool(chunks) and chunks[0].metadata.get("file_id") != metadata.get("file_id")


async def _group_into_batches(chunks: AsyncGenerator[Document, None]) -> AsyncIterator[list[Document]]:
    batch: list[Document] = []
    async for chunk in chunks:
        batch.append(chunk)
        if len(batch) == BATCH_SIZE:
            yield batch
            batch = []
    if batch:
        yield batch
