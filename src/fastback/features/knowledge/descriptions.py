"""Embedded names and descriptions of knowledge, by which tools find the right knowledge for a question.

They are updated in the background, one after the other: an embedding engine may take seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from fastback.access.identity import User
from fastback.features.knowledge import store
from fastback.features.knowledge.store import Knowledge
from fastback.kit.db import Database
from fastback.kit.tasks import Tasks
from fastback.providers.request_context import RequestContext
from fastback.retrieval.interfaces import Embedder, Item, RetrievalError, VectorStore

log = logging.getLogger("fastback.knowledge")

COLLECTION: Final = "knowledge-bases"
#: Descriptions that one call embeds.
_BATCH = 64


class DescriptionIndex:
    """Keeps the collection of descriptions up to date."""

    def __init__(self, *, db: Database, embedder: Embedder, vectors: VectorStore, tasks: Tasks) -> None:
        self._db = db
        self._embedder = embedder
        self._vectors = vectors
        self._tasks = tasks
        self._lock = asyncio.Lock()

    def schedule_update(self, knowledge_id: str, user: User) -> None:
        """Update the description of a knowledge that was created, renamed or deleted, in the background."""
        self._tasks.run_in_background(self._update_description(knowledge_id, user))

    async def _update_description(self, knowledge_id: str, user: User) -> None:
        async with self._lock:
            # The row is read now: it may have changed since the update was scheduled.
            row = await store.find_knowledge(self._db, knowledge_id)
            try:
                if row is None:
                    await self._vectors.delete_chunks(COLLECTION, ids=[knowledge_id])
                else:
                    await self._write_vectors([row], user)
            except RetrievalError as error:
                log.warning("embedding the description of knowledge %s failed: %s", knowledge_id, error)

    async def rebuild_collection(self, user: User) -> tuple[int, int]:
        """Rebuild the collection. Return the number of knowledge, and of embedded descriptions."""
        async with self._lock:
            rows = await store.list_knowledge(self._db)
            embedded_count = 0
            try:
                await self._vectors.drop_collection(COLLECTION)
            except RetrievalError as error:
                log.warning("dropping the descriptions of knowledge failed: %s", error)
            for start in range(0, len(rows), _BATCH):
                batch = rows[start : start + _BATCH]
                try:
                    await self._write_vectors(batch, user)
                    embedded_count += len(batch)
                except RetrievalError as error:
                    log.warning("embedding descriptions of knowledge failed, skipping %d: %s", len(batch), error)
        return len(rows), embedded_count

    async def _write_vectors(self, rows: Sequence[Knowledge], user: User) -> None:
        texts = [f"{row.name}\n\n{row.description}" if row.description else row.name for row in rows]
        vectors = await self._embedder.embed_content(texts, ctx=RequestContext(user=user))
        items = [
            Item(row.id, text, vector, {"knowledge_base_id": row.id})
            for row, text, vector in zip(rows, texts, vectors, strict=True)
        ]
        await self._vectors.upsert(COLLECTION, items)
