"""Documents into a collection: split, embed, write. A batch at a time, so that a large file costs no more memory."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

from fastback import messages
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
from fastback.retrieval.vectors.metadata import remove_unstorable

#: Chunks that are embedded and written together.
BATCH = 128


class Indexer:
    """Puts documents into collections."""

    def __init__(self, splitter: Splitter, embedder: Embedder, store: VectorStore) -> None:
        self._splitter = splitter
        self._embedder = embedder
        self._store = store

    async def index(
        self,
        collection: str,
        documents: Sequence[Document] | SpooledDocuments,
        metadata: Metadata | None = None,
        *,
        overwrite: bool = False,
        add: bool = False,
        ctx: RequestContext | None = None,
    ) -> int:
        """Split, embed and write; the number of chunks.

        `metadata` is laid over each chunk's own. Where its `hash` is in the collection already for another file,
        the content is refused as a duplicate. A collection that exists is written anew with `overwrite`, added to with
        `add`, and otherwise left as it is (0).

        Raises:
            RetrievalError: nothing in it, a duplicate, or an engine that fails; nothing of it stays in the collection.
        """
        extra = dict(metadata or {})
        if await self._is_duplicate(collection, extra):
            raise RetrievalError(messages.DUPLICATE_CONTENT)
        extra["embedding_config"] = self._embedder.signature
        written: list[str] = []
        try:
            async with aclosing(self._splitter.split(documents)) as chunks:
                async for batch in _batches(chunks):
                    if not written and not await self._is_open(collection, overwrite=overwrite, add=add):
                        return 0
                    items = await self._items(batch, extra, ctx)
                    written += [item.id for item in items]  # what fails, or is given up, may have written some of them
                    await self._store.upsert(collection, items)
        except BaseException:
            if written:
                await self._store.delete_chunks(collection, ids=written)
            raise
        if not written:
            raise RetrievalError(messages.EMPTY_CONTENT)
        return len(written)

    async def _is_open(self, collection: str, *, overwrite: bool, add: bool) -> bool:
        """Whether chunks may be written into a collection, which is emptied before with `overwrite`."""
        exists = await self._store.has_collection(collection)
        if exists and overwrite:
            await self._store.drop_collection(collection)
        return not exists or overwrite or add

    async def _items(self, chunks: Sequence[Document], extra: Metadata, ctx: RequestContext | None) -> list[Item]:
        texts = [remove_unstorable(one.text) for one in chunks]
        vectors = await self._embedder.embed_content([text.replace("\n", " ") for text in texts], ctx=ctx)
        return [
            Item(str(uuid.uuid4()), text, vector, {**chunk.metadata, **extra})
            for text, vector, chunk in zip(texts, vectors, chunks, strict=True)
        ]

    async def _is_duplicate(self, collection: str, metadata: Metadata) -> bool:
        """Whether the same content is in the collection already, from another file."""
        known = metadata.get("hash")
        if not known:
            return False
        found = await self._store.find_chunks(collection, {"hash": known}, 1)
        return bool(found) and found[0].metadata.get("file_id") != metadata.get("file_id")


async def _batches(chunks: AsyncGenerator[Document, None]) -> AsyncIterator[list[Document]]:
    batch: list[Document] = []
    async for chunk in chunks:
        batch.append(chunk)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
