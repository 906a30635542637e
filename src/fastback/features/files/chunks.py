"""The chunks of a file: its own collection, and copies of them in the knowledge that contain the file.

Adding a file to knowledge copies its vectors and embeds nothing. Only if the file has no vectors, or vectors of another
model, its text is split and embedded first.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastback import messages
from fastback.access.activity import ActivityEvent
from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys.retrieval import RAG_BYPASS_EMBEDDING_AND_RETRIEVAL
from fastback.features.files import store, text_files
from fastback.features.files.store import FileSummary
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.workers import spool
from fastback.providers.request_context import RequestContext
from fastback.retrieval.indexing import Indexer
from fastback.retrieval.interfaces import Embedder, Metadata, RetrievalError, SpooledDocuments, VectorStore
from fastback.retrieval.vectors.metadata import ANY_OF, convert_metadata

#: Collections that are deleted at the same time: the store may be a distant server.
_PARALLEL_DROPS = 8


def get_collection_name(file_id: str) -> str:
    """Return the name of the collection that holds this file alone."""
    return f"file-{file_id}"


def build_chunk_metadata(file: FileSummary) -> Metadata:
    """Return the metadata of a file that each of its chunks carries."""
    metadata: dict[str, Any] = dict(file.meta or {})
    upload_metadata = metadata.pop("data", None)
    return {
        **(upload_metadata if isinstance(upload_metadata, dict) else {}),
        **metadata,
        "name": file.filename,
        "created_by": file.user_id,
        "file_id": file.id,
        "source": file.filename,
    }


class FileChunks:
    """Copies files into collections, and removes them from there."""

    def __init__(
        self, *, db: Database, config: Config, embedder: Embedder, vectors: VectorStore, indexer: Indexer, bus: Bus
    ) -> None:
        self._db = db
        self._config = config
        self._embedder = embedder
        self._vectors = vectors
        self._indexer = indexer
        self._bus = bus

    async def add_file(
        self,
        file: FileSummary,
        collection: str,
        user: User,
        *,
        ctx: RequestContext | None = None,
        mark_completed: bool = True,
        record_collection: bool = True,
    ) -> None:
        """Add a file whose text has been read to a collection, and remove its older chunks from there.

        With `mark_completed` the status in the file's row becomes `completed`; with `record_collection` its meta names
        the collection.

        Raises:
            RetrievalError: the file has no text, another file in the collection has the same text, or embedding failed.
        """
        bypasses_embedding = self._config.get_bool(RAG_BYPASS_EMBEDDING_AND_RETRIEVAL)
        try:
            text_hash = file.hash or await self._compute_hash(file.id)
            if not bypasses_embedding:
                await self._copy_chunks(file, collection, text_hash, ctx)
        except RetrievalError as error:
            failure = {
                "collection_name": collection,
                "filename": file.filename,
                "message": f"{file.filename}: {error}",
            }
            await self._bus.publish(ActivityEvent("retrieval.content.process_failed", user, file.id, "file", failure))
            raise
        meta = {"collection_name": collection} if record_collection and not bypasses_embedding else None
        data = {"status": "completed", "error": None} if mark_completed else None
        await store.update_file(self._db, file.id, data=data, meta=meta, hash=text_hash)
        outcome = {"collection_name": None if bypasses_embedding else collection, "filename": file.filename}
        await self._bus.publish(ActivityEvent("retrieval.content.processed", user, file.id, "file", outcome))

    async def _compute_hash(self, file_id: str) -> str:
        async with self._spool_text(file_id) as (_, text_hash):
            return text_hash

    @asynccontextmanager
    async def _spool_text(self, file_id: str) -> AsyncIterator[tuple[str, str]]:
        """Yield the text of a file as a spool with one document, and its hash.

        Raises:
            RetrievalError: the file has no text.
        """
        async with spool.create_spool_file() as text_path, spool.create_spool_file() as spool_path:
            if not await store.write_text_to(self._db, file_id, text_path):
                raise RetrievalError(messages.EMPTY_CONTENT)
            text_hash = await asyncio.to_thread(text_files.write_document_spool, text_path, spool_path)
            yield spool_path, text_hash

    async def _copy_chunks(
        self, file: FileSummary, collection: str, text_hash: str, ctx: RequestContext | None
    ) -> None:
        duplicates = await self._vectors.find_chunks(collection, {"hash": text_hash}, 1)
        if duplicates and duplicates[0].metadata.get("file_id") != file.id:
            raise RetrievalError(messages.DUPLICATE_CONTENT)
        file_collection = get_collection_name(file.id)
        if not await self._has_current_vectors(file_collection, file.id):
            await self._rebuild_file_collection(file, file_collection, text_hash, ctx)
        replaced_ids = [hit.id for hit in await self._vectors.find_chunks(collection, {"file_id": file.id})]
        extra = {"file_id": file.id, "name": file.filename, "hash": text_hash}
        await self._vectors.copy_chunks(file_collection, collection, {"file_id": file.id}, extra)
        if replaced_ids:
            await self._vectors.delete_chunks(collection, ids=replaced_ids)

    async def _has_current_vectors(self, file_collection: str, file_id: str) -> bool:
        """Return whether the file has chunks with vectors of the configured model."""
        chunks = await self._vectors.find_chunks(file_collection, {"file_id": file_id}, 1)
        if not chunks:
            return False
        chunk_signature = chunks[0].metadata.get("embedding_config")
        current_signature = convert_metadata({"embedding_config": self._embedder.signature}).get("embedding_config")
        # Chunks without a signature count as current.
        return chunk_signature is None or chunk_signature == current_signature

    async def _rebuild_file_collection(
        self, file: FileSummary, file_collection: str, text_hash: str, ctx: RequestContext | None
    ) -> None:
        extra = {"file_id": file.id, "name": file.filename, "hash": text_hash}
        async with self._spool_text(file.id) as (path, _):
            documents = SpooledDocuments(path, lambda _: build_chunk_metadata(file))
            await self._indexer.index_documents(file_collection, documents, extra, overwrite=True, ctx=ctx)

    async def remove_files(self, collection: str, file_ids: Sequence[str]) -> None:
        """Delete the chunks of files from a collection."""
        if file_ids:
            await self._vectors.delete_chunks(collection, where={"file_id": {ANY_OF: list(file_ids)}})

    async def drop_file_collections(self, file_ids: Sequence[str]) -> None:
        """Delete the files' own collections; the next use of their chunks rebuilds them from the text."""
        semaphore = asyncio.Semaphore(_PARALLEL_DROPS)

        async def drop_collection(file_id: str) -> None:
            async with semaphore:
                await self._vectors.drop_collection(get_collection_name(file_id))

        await asyncio.gather(*(drop_collection(file_id) for file_id in file_ids))
