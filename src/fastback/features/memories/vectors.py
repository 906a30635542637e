"""Vectors of memories: a collection per user, which finds memories by their meaning."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from fastback.config import Config
from fastback.config.keys.retrieval import RAG_RELEVANCE_THRESHOLD
from fastback.features.memories import store
from fastback.features.memories.store import Memory
from fastback.kit.db import Database
from fastback.providers.request_context import RequestContext
from fastback.retrieval.indexing import BATCH_SIZE
from fastback.retrieval.interfaces import DimensionMismatch, Embedder, Hit, Item, RetrievalError, VectorStore

log = logging.getLogger("fastback.memories")

_PREFIX = "user-memory-"


def get_collection_name(user_id: str) -> str:
    return f"{_PREFIX}{user_id}"


def build_text(memory: Memory) -> str:
    """Return the text of a memory that is embedded: its path and its content."""
    return f"{memory.path}\n{memory.content}" if memory.path else memory.content


def _build_metadata(memory: Memory) -> dict[str, Any]:
    metadata: dict[str, Any] = {"created_at": memory.created_at, "updated_at": memory.updated_at, "type": memory.type}
    return metadata | ({"path": memory.path} if memory.path else {})


class MemoryVectors:
    """Keeps the vectors in step with the rows."""

    def __init__(self, *, db: Database, config: Config, embedder: Embedder, vectors: VectorStore) -> None:
        self._db = db
        self._config = config
        self._embedder = embedder
        self._store = vectors

    async def write_vectors(self, user_id: str, memories: Sequence[Memory], ctx: RequestContext) -> None:
        """Write the vectors of new or changed memories.

        If that fails the memories remain: they are read and searched as rows, and a reset builds their vectors.
        """
        try:
            items = await self._build_items(memories, ctx)
            try:
                await self._store.upsert(get_collection_name(user_id), items)
            except DimensionMismatch:
                log.warning("vectors of the memories of user %s are of another model, rebuilding them", user_id)
                await self.rebuild(user_id, ctx)
        except RetrievalError as error:
            log.warning("writing vectors of the memories of user %s failed: %s", user_id, error)

    async def rebuild(self, user_id: str, ctx: RequestContext) -> int:
        """Rebuild all vectors of a user's memories. Return their number.

        Raises:
            RetrievalError: embedding failed.
        """
        await self._store.drop_collection(get_collection_name(user_id))
        memories = await store.list_memories(self._db, user_id)
        for start in range(0, len(memories), BATCH_SIZE):
            items = await self._build_items(memories[start : start + BATCH_SIZE], ctx)
            await self._store.upsert(get_collection_name(user_id), items)
        return len(memories)

    async def rebuild_all(self, ctx: RequestContext) -> int:
        """Rebuild the vectors of all users' memories, a batch at a time. Return their number.

        Raises:
            RetrievalError: embedding failed.
        """
        for name in await self._store.list_collections():
            if name.startswith(_PREFIX):
                await self._store.drop_collection(name)
        count, after = 0, ""
        while batch := await store.list_all_after(self._db, after, BATCH_SIZE):
            after = batch[-1].id
            items = await self._build_items(batch, ctx)
            items_by_user: dict[str, list[Item]] = {}
            for memory, item in zip(batch, items, strict=True):
                items_by_user.setdefault(memory.user_id, []).append(item)
            for user_id, user_items in items_by_user.items():
                await self._store.upsert(get_collection_name(user_id), user_items)
            count += len(batch)
        return count

    async def delete_vectors(self, user_id: str, ids: Sequence[str]) -> None:
        await self._store.delete_chunks(get_collection_name(user_id), ids=ids)

    async def drop_collection(self, user_id: str) -> None:
        await self._store.drop_collection(get_collection_name(user_id))

    async def find_nearest(self, user_id: str, text: str, limit: int, ctx: RequestContext) -> list[Hit] | None:
        """Return the memories nearest to a text, with a score of `rag.relevance_threshold` or more; None if none has a
        vector.

        Raises:
            RetrievalError: embedding the text failed.
        """
        if limit < 1 or not await self._store.has_collection(get_collection_name(user_id)):
            return None
        (vector,) = await self._embedder.embed_queries([text], ctx=ctx)
        try:
            hits = await self._store.search([get_collection_name(user_id)], vector, limit)
        except RetrievalError as error:  # vectors of another model
            log.warning("searching the memories of user %s failed: %s", user_id, error)
            return None
        threshold = self._config.get_number(RAG_RELEVANCE_THRESHOLD) or 0.0
        return [hit for hit in hits if threshold <= 0 or hit.score >= threshold]

    async def _build_items(self, memories: Sequence[Memory], ctx: RequestContext) -> list[Item]:
        texts = [build_text(memory) for memory in memories]
        vectors = await self._embedder.embed_content(texts, ctx=ctx)
        return [
            Item(memory.id, text, vector, _build_metadata(memory))
            for memory, text, vector in zip(memories, texts, vectors, strict=True)
        ]
