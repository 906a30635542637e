"""From a file to its text and its chunks: read, stored in the row, split, embedded, written to a collection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import msgspec

from fastback.access.activity import ActivityEvent
from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys.retrieval import RAG_BYPASS_EMBEDDING_AND_RETRIEVAL
from fastback.features.files import store, text_files
from fastback.features.files.chunks import FileChunks, build_chunk_metadata, get_collection_name
from fastback.features.files.progress import ProgressBoard
from fastback.features.files.store import FileSummary, ProcessingStatus
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.storage import Storage, StorageError
from fastback.kit.workers import spool
from fastback.providers.request_context import RequestContext
from fastback.retrieval.indexing import Indexer
from fastback.retrieval.interfaces import Document, Extractor, Metadata, RetrievalError, SpooledDocuments, VectorStore

log = logging.getLogger("fastback.files")


class _FileText(msgspec.Struct):
    """The text of a file, ready to be split and stored.

    Attributes:
        text: as the row stores it, or the path of a file that holds it in UTF-8.
        hash: the SHA-256 of the text.
    """

    documents: Sequence[Document] | SpooledDocuments
    text: str | Path
    hash: str


def _merge_metadata(file_metadata: Metadata, extracted: Metadata) -> Metadata:
    """Merge the metadata of a file with those of the extractor, which may not override the file's identity."""
    identity = {key: file_metadata[key] for key in ("name", "created_by", "file_id", "source")}
    return {**file_metadata, **extracted, **identity}


class IndexedFile(msgspec.Struct):
    """The outcome of indexing a file; its row holds the text."""

    #: None if embedding is switched off.
    collection: str | None


class FileIndexer:
    """Extracts the text of files and indexes it."""

    def __init__(
        self,
        *,
        db: Database,
        config: Config,
        storage: Storage,
        chunks: FileChunks,
        extractor: Extractor,
        indexer: Indexer,
        vectors: VectorStore,
        progress: ProgressBoard,
        bus: Bus,
    ) -> None:
        self._db = db
        self._config = config
        self._storage = storage
        self._chunks = chunks
        self._extractor = extractor
        self._indexer = indexer
        self._vectors = vectors
        self._progress = progress
        self._bus = bus

    async def index_file(
        self,
        file: FileSummary,
        user: User,
        *,
        content: str | None = None,
        collection: str | None = None,
        ctx: RequestContext | None = None,
        mark_completed: bool = True,
    ) -> IndexedFile:
        """Extract the text of a file, store it, and write its chunks to the file's own collection or another one.

        `content` replaces the text of the file. For another collection without `content` the existing chunks are
        copied. With `mark_completed` the row's status becomes `completed`. A failure is recorded in the row and
        published on the bus.

        Raises:
            RetrievalError: the message tells the file's owner what failed.
        """
        try:
            if collection and not content:
                await self._chunks.add_file(file, collection, user, ctx=ctx, mark_completed=mark_completed)
                return IndexedFile(collection if self._embeds else None)
            return await self._index_text(file, user, content, collection, ctx, mark_completed)
        except RetrievalError as error:
            await self._record_failure(file, user, str(error), collection)
            raise
        except Exception as error:
            if not isinstance(error, StorageError):
                log.exception("indexing file %s failed", file.id)
            await self._record_failure(file, user, str(error) or type(error).__name__, collection)
            raise RetrievalError(str(error) or type(error).__name__) from error

    @property
    def _embeds(self) -> bool:
        return not self._config.get_bool(RAG_BYPASS_EMBEDDING_AND_RETRIEVAL)

    async def _index_text(
        self,
        file: FileSummary,
        user: User,
        content: str | None,
        collection: str | None,
        ctx: RequestContext | None,
        mark_completed: bool,
    ) -> IndexedFile:
        target = (collection or get_collection_name(file.id)) if self._embeds else None
        if content:
            await self._vectors.drop_collection(get_collection_name(file.id))
        outcome: dict[str, str | None] = {"status": "completed", "error": None} if mark_completed else {}
        async with self._open_text(file, content, ctx) as source:
            # Each update rewrites the row with its text, so there are as few as possible.
            if target is None:
                await store.update_file(self._db, file.id, data={"content": source.text, **outcome}, hash=source.hash)
            else:
                await store.update_file(self._db, file.id, data={"content": source.text})
                extra = {"file_id": file.id, "name": file.filename, "hash": source.hash}
                await self._indexer.index_documents(
                    target, source.documents, extra, add=collection is not None, ctx=ctx
                )
                meta = {"collection_name": target}
                await store.update_file(self._db, file.id, data=outcome, meta=meta, hash=source.hash)
        if mark_completed:
            self._progress.set_status(file.id, ProcessingStatus("completed", None))
        data = {"collection_name": target, "filename": file.filename}
        await self._bus.publish(ActivityEvent("retrieval.content.processed", user, file.id, "file", data))
        return IndexedFile(target)

    @asynccontextmanager
    async def _open_text(
        self, file: FileSummary, content: str | None, ctx: RequestContext | None
    ) -> AsyncIterator[_FileText]:
        """Yield the text of a file: the given content, what the configured engine extracts, or the stored text."""
        if content or not file.path:
            text = content or await store.find_text(self._db, file.id) or ""
            document = Document(text.replace("<br/>", "\n") if content else text, build_chunk_metadata(file))
            text = await asyncio.to_thread(text_files.make_storable, text)
            yield _FileText([document], text, await asyncio.to_thread(text_files.hash_text, text))
            return
        content_type = (file.meta or {}).get("content_type")
        async with spool.create_spool_file() as documents_path, spool.create_spool_file() as text_path:
            async with self._storage.local_copy(file.path) as local_path:
                declared_type = content_type if isinstance(content_type, str) else None
                await self._extractor.spool(local_path, file.filename, declared_type, documents_path, ctx=ctx)
            text_hash = await asyncio.to_thread(text_files.join_spool_texts, documents_path, text_path)
            documents = SpooledDocuments(documents_path, partial(_merge_metadata, build_chunk_metadata(file)))
            yield _FileText(documents, Path(text_path), text_hash)

    async def _record_failure(self, file: FileSummary, user: User, error: str, collection: str | None) -> None:
        # Without a hash the same content may be uploaded again.
        await store.update_file(self._db, file.id, data={"status": "failed", "error": error}, hash=None)
        self._progress.set_status(file.id, ProcessingStatus("failed", error))
        data = {
            "collection_name": collection or get_collection_name(file.id),
            "filename": file.filename,
            "message": f"{file.filename}: {error}",
        }
        await self._bus.publish(ActivityEvent("retrieval.content.process_failed", user, file.id, "file", data))
