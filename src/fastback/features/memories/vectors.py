"""Memories as vectors: a collection for each user, so that one is found by what it means."""

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
from fastback.retrieval.indexing import BATCH
from fastback.retrieval.interfaces import Embedder, Hit, Item, RetrievalError, VectorStore

log = logging.getLogger("fastback.memories")

_PREFIX = "user-memory-"


def get_collection_name(user_id: str) -> str:
    return f"{_PREFIX}{user_id}"


def build_text(memory: Memory) -> str:
    """What of a memory is embedded: where it stands, and what it says."""
    return f"{memory.path}\n{memory.content}" if memory.path else memory.content


def _build_metadata(memory: Memory) -> dict[str, Any]:
    metadata: dict[str, Any] = {"created_at": memory.created_at, "updated_at": memory.updated_at, "type": memory.type}
    return metadata | ({"path": memory.path} if memory.path else {})


class MemoryVectors:
    """Keeps them in step with the rows."""

    def __init__(self, *, db: Database, config: Config, embedder: Embedder, vectors: VectorStore) -> None:
        self._db = db
        self._config = config
        self._embedder = embedder
        self._store = vectors

    async def write_vectors(self, user_id: str, memories: Sequence[Memory], ctx: RequestContext) -> None:
        """Write the vectors of memories that are new or have changed.

        Where they cannot be made the memories stay: they are read and searched as rows, and a reset makes the vectors.
        """
        try:
            items = await self._build_items(memories, ctx)
            try:
                await self._store.upsert(get_collection_name(user_id), items)
            except RetrievalError:
                log.warning("the vectors of %s's memories are of another model: made anew", user_id)
                await self.rebuild(user_id, ctx)
        except RetrievalError as error:
            log.warning("memories of %s stay without vectors: %s", user_id, error)

    async def rebuild(self, user_id: str, ctx: RequestContext) -> int:
        """Make all of a user's vectors anew; how many. Raises: RetrievalError."""
        await self._store.drop(get_collection_name(user_id))
        memories = await store.list_memories(self._db, user_id)
        for start in range(0, len(memories), BATCH):
            items = await self._build_items(memories[start : start + BATCH], ctx)
            await self._store.upsert(get_collection_name(user_id), items)
        return len(memories)

    async def rebuild_all(self, ctx: RequestContext) -> int:
        """Make everybody's vectors anew, a batch at a time; how many. Raises: RetrievalError."""
        for name in await self._store.collections():
            if name.startswith(_PREFIX):
                await self._store.drop(name)
        count, after = 0, ""
        while batch := await store.list_all_after(self._db, after, BATCH):
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
        await self._store.delete(get_collection_name(user_id), ids=ids)

    async def drop_collection(self, user_id: str) -> None:
        await self._store.drop(get_collection_name(user_id))

    async def find_nearest(self, user_id: str, text: str, limit: int, ctx: RequestContext) -> list[Hit] | None:
        """The memories nearest to a text, of `rag.relevance_threshold` at least; None where none has a vector.

        Raises:
            RetrievalError: the text cannot be embedded.
        """
        if limit < 1 or not await self._store.has(get_collection_name(user_id)):
            return None
        (vector,) = await self._embedder.queries([text], ctx=ctx)
        try:
            hits = await self._store.search([get_collection_name(user_id)], vector, limit)
        except RetrievalError as error:  # vectors of another model
            log.warning("memories of %s cannot be searched: %s", user_id, error)
            return None
        threshold = self._config.number(RAG_RELEVANCE_THRESHOLD) or 0.0
        return [hit for hit in hits if threshold <= 0 or hit.score >= threshold]

    async def _build_items(self, memories: Sequence[Memory], ctx: RequestContext) -> list[Item]:
        texts = [build_text(one) for one in memories]
        vectors = await self._embedder.content(texts, ctx=ctx)
        return [
            Item(one.id, text, vector, _build_metadata(one))
            for one, text, vector in zip(memories, texts, vectors, strict=True)
        ]
