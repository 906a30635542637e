"""What knowledge is called and described as, as vectors: so that tools find the right knowledge for a question.

They follow a change in the background, one after the other: an embedding engine may take seconds.
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
#: Descriptions that are embedded together.
_TOGETHER = 64


class Descriptions:
    """Keeps the collection."""

    def __init__(self, *, db: Database, embedder: Embedder, vectors: VectorStore, tasks: Tasks) -> None:
        self._db = db
        self._embedder = embedder
        self._vectors = vectors
        self._tasks = tasks
        self._turn = asyncio.Lock()

    def follow(self, knowledge_id: str, user: User) -> None:
        """A knowledge was made, renamed or deleted: bring its description up to that, soon."""
        self._tasks.run_in_background(self._follow(knowledge_id, user))

    async def _follow(self, knowledge_id: str, user: User) -> None:
        async with self._turn:
            # Only what it is called by now counts, not what it was called when this was asked for.
            row = await store.get(self._db, knowledge_id)
            try:
                if row is None:
                    await self._vectors.delete(COLLECTION, ids=[knowledge_id])
                else:
                    await self._write([row], user)
            except RetrievalError as error:
                log.warning("the description of knowledge %s was not embedded: %s", knowledge_id, error)

    async def rebuild(self, user: User) -> tuple[int, int]:
        """Make the collection anew: how many knowledge there are, and how many descriptions were embedded."""
        async with self._turn:
            rows = await store.everything(self._db)
            done = 0
            try:
                await self._vectors.drop(COLLECTION)
            except RetrievalError as error:
                log.warning("the descriptions of knowledge were not dropped: %s", error)
            for start in range(0, len(rows), _TOGETHER):
                batch = rows[start : start + _TOGETHER]
                try:
                    await self._write(batch, user)
                    done += len(batch)
                except RetrievalError as error:
                    log.warning("descriptions of knowledge were not embedded: %s", error)
        return len(rows), done

    async def _write(self, rows: Sequence[Knowledge], user: User) -> None:
        texts = [f"{row.name}\n\n{row.description}" if row.description else row.name for row in rows]
        vectors = await self._embedder.content(texts, ctx=RequestContext(user=user))
        items = [
            Item(row.id, text, vector, {"knowledge_base_id": row.id})
            for row, text, vector in zip(rows, texts, vectors, strict=True)
        ]
        await self._vectors.upsert(COLLECTION, items)
