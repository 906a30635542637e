"""The chunks of a file: its own collection, and copies of them in the knowledge that it lies in.

Adding a file to knowledge embeds nothing again: its vectors are copied. Only where it has none, or has those of
another model, its text is split and embedded first.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastback import messages
from fastback.access.activity import Happened
from fastback.access.identity import User
from fastback.config import Config
from fastback.features.files import store, text_files
from fastback.features.files.store import Brief
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.workers import spool
from fastback.providers.request_context import RequestContext
from fastback.retrieval.indexing import Indexer
from fastback.retrieval.interfaces import Embedder, Metadata, RetrievalError, Spooled, VectorStore
from fastback.retrieval.vectors.metadata import ANY_OF, stored

#: Collections that are deleted at the same time: a store may be a server far away.
_AT_ONCE = 8


def own_collection(file_id: str) -> str:
    """The name of the collection that holds a file alone."""
    return f"file-{file_id}"


def metadata_of(file: Brief) -> Metadata:
    """What each chunk of a file says of it."""
    about: dict[str, Any] = dict(file.meta or {})
    told = about.pop("data", None)
    return {
        **(told if isinstance(told, dict) else {}),
        **about,
        "name": file.filename,
        "created_by": file.user_id,
        "file_id": file.id,
        "source": file.filename,
    }


class FileChunks:
    """Puts files into collections, and takes them out."""

    def __init__(
        self, *, db: Database, config: Config, embedder: Embedder, vectors: VectorStore, indexer: Indexer, bus: Bus
    ) -> None:
        self._db = db
        self._config = config
        self._embedder = embedder
        self._vectors = vectors
        self._indexer = indexer
        self._bus = bus

    async def put(
        self,
        file: Brief,
        collection: str,
        user: User,
        *,
        ctx: RequestContext | None = None,
        complete: bool = True,
        named: bool = True,
    ) -> None:
        """Put a file that has been read into a collection; chunks of it that are there already go.

        With `complete` the file's row says that all is done, with `named` its meta names the collection.

        Raises:
            RetrievalError: it has no text, its text is there in another file, or it cannot be embedded.
        """
        bypassed = self._config.flag("rag.bypass_embedding_and_retrieval")
        try:
            known = file.hash or await self._hash(file.id)
            if not bypassed:
                await self._copied(file, collection, known, ctx)
        except RetrievalError as error:
            failed = {"collection_name": collection, "filename": file.filename, "message": f"{file.filename}: {error}"}
            await self._bus.publish(Happened("retrieval.content.process_failed", user, file.id, "file", failed))
            raise
        meta = {"collection_name": collection} if named and not bypassed else None
        data = {"status": "completed", "error": None} if complete else None
        await store.change(self._db, file.id, data=data, meta=meta, hash=known)
        told = {"collection_name": None if bypassed else collection, "filename": file.filename}
        await self._bus.publish(Happened("retrieval.content.processed", user, file.id, "file", told))

    async def _hash(self, file_id: str) -> str:
        async with self._spooled(file_id) as (_, known):
            return known

    @asynccontextmanager
    async def _spooled(self, file_id: str) -> AsyncIterator[tuple[str, str]]:
        """The text of a file as a spool with one document, and its hash. Raises: RetrievalError: there is none."""
        async with spool.spool() as whole, spool.spool() as documents:
            if not await store.content_into(self._db, file_id, whole):
                raise RetrievalError(messages.EMPTY_CONTENT)
            known = await asyncio.to_thread(text_files.document, whole, documents)
            yield documents, known

    async def _copied(self, file: Brief, collection: str, known: str, ctx: RequestContext | None) -> None:
        twin = await self._vectors.find(collection, {"hash": known}, 1)
        if twin and twin[0].metadata.get("file_id") != file.id:
            raise RetrievalError(messages.DUPLICATE_CONTENT)
        own = own_collection(file.id)
        if not await self._is_current(own, file.id):
            await self._made_anew(file, own, known, ctx)
        before = [hit.id for hit in await self._vectors.find(collection, {"file_id": file.id})]
        extra = {"file_id": file.id, "name": file.filename, "hash": known}
        await self._vectors.copy(own, collection, {"file_id": file.id}, extra)
        if before:
            await self._vectors.delete(collection, ids=before)

    async def _is_current(self, own: str, file_id: str) -> bool:
        """Whether the file has chunks with vectors of today's model."""
        found = await self._vectors.find(own, {"file_id": file_id}, 1)
        if not found:
            return False
        embedded = found[0].metadata.get("embedding_config")
        wanted = stored({"embedding_config": self._embedder.signature}).get("embedding_config")
        # Chunks that do not say what made them are believed.
        return embedded is None or embedded == wanted

    async def _made_anew(self, file: Brief, own: str, known: str, ctx: RequestContext | None) -> None:
        extra = {"file_id": file.id, "name": file.filename, "hash": known}
        async with self._spooled(file.id) as (path, _):
            documents = Spooled(path, lambda _: metadata_of(file))
            await self._indexer.index(own, documents, extra, overwrite=True, ctx=ctx)

    async def take_out(self, collection: str, file_ids: Sequence[str]) -> None:
        """Delete the chunks of files from a collection."""
        if file_ids:
            await self._vectors.delete(collection, where={"file_id": {ANY_OF: list(file_ids)}})

    async def forget(self, file_ids: Sequence[str]) -> None:
        """Delete the files' own collections: the next who needs their chunks makes them anew, from their texts."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(file_id: str) -> None:
            async with gate:
                await self._vectors.drop(own_collection(file_id))

        await asyncio.gather(*(one(file_id) for file_id in file_ids))
