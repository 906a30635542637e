"""From a file to its text and its chunks: read, kept in the row, split, embedded, written; and how far it has come."""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from fastback import messages
from fastback.access.activity import ActivityEvent
from fastback.access.grants import Grants
from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys.audio import AUDIO_STT_SUPPORTED_CONTENT_TYPES
from fastback.config.keys.retrieval import (
    RAG_BYPASS_EMBEDDING_AND_RETRIEVAL,
    RAG_CONTENT_EXTRACTION_ENGINE,
    RAG_CONTENT_EXTRACTION_SUPPORTED_MEDIA_MIME_TYPES,
)
from fastback.features.files import media_types, store, text_files
from fastback.features.files.chunks import FileChunks, build_chunk_metadata, get_collection_name
from fastback.features.files.store import FileSummary, ProcessingStatus
from fastback.features.knowledge import directory_store
from fastback.features.knowledge import store as knowledge
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http import HttpError
from fastback.kit.storage import Storage, StorageError
from fastback.kit.workers import spool
from fastback.providers.request_context import RequestContext
from fastback.retrieval.indexing import Indexer
from fastback.retrieval.interfaces import Document, Extractor, Metadata, RetrievalError, Spooled, VectorStore

log = logging.getLogger("fastback.files")

#: Files that are read at the same time: each holds its text in memory.
AT_ONCE = 3
#: Seconds between two looks at a file that somebody waits for, and how long anybody may.
LOOK, LONGEST = 1.0, 2 * 3600
#: Seconds after which the reading of a file that a stopped server left is not taken up again.
FRESH = 24 * 3600
NO_SPEECH = "Transcription of audio files is not built in this release of Fastback."


class _Said(msgspec.Struct):
    """What a file says.

    Attributes:
        text: as it is kept; or the file that holds it, in UTF-8.
        hash: the text's.
    """

    documents: Sequence[Document] | Spooled
    text: str | Path
    hash: str


def _described(about: Metadata, found: Metadata) -> Metadata:
    """The metadata of a document: what is said of its file, and what its reader found, which may not belie that."""
    ours = {key: about[key] for key in ("name", "created_by", "file_id", "source")}
    return {**about, **found, **ours}


class Indexed(msgspec.Struct):
    """What became of a file; its text stands in its row."""

    #: None where nothing is embedded.
    collection: str | None


class _Reading:
    """How far a file is that is being read or waited for."""

    def __init__(self) -> None:
        #: None where only the database knows.
        self.status: ProcessingStatus | None = None
        self.changed = asyncio.Event()

    def tell(self, status: ProcessingStatus | None) -> None:
        self.status = status
        self.changed.set()
        self.changed = asyncio.Event()


class Processing:
    """Reads files, in turn."""

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
        grants: Grants,
        bus: Bus,
    ) -> None:
        self._db = db
        self._config = config
        self._storage = storage
        self._chunks = chunks
        self._extractor = extractor
        self._indexer = indexer
        self._vectors = vectors
        self._grants = grants
        self._bus = bus
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._running: dict[str, tuple[asyncio.Task[None], _Reading]] = {}
        # Those who read and who wait hold them; nothing is left when they have gone.
        self._readings: weakref.WeakValueDictionary[str, _Reading] = weakref.WeakValueDictionary()

    # --- an upload, from beginning to end

    def start(self, file: FileSummary, metadata: dict[str, Any], user: User, ctx: RequestContext) -> asyncio.Task[None]:
        """Read an uploaded file beside the request; what becomes of it is told in its row."""
        task = asyncio.get_running_loop().create_task(self._upload(file, metadata, user, ctx))
        reading = self._readings.setdefault(file.id, _Reading())
        self._running[file.id] = task, reading

        def ended(_: asyncio.Task[None]) -> None:
            if self._running.get(file.id) == (task, reading):
                del self._running[file.id]
            if task.cancelled():
                reading.tell(None)
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("what became of file %s cannot be written down", file.id, exc_info=error)

        task.add_done_callback(ended)
        return task

    async def stop(self, file_id: str) -> None:
        """Read a file no further: it is being deleted."""
        if file_id in self._running:
            task, _ = self._running[file_id]
            task.cancel()
            await asyncio.wait([task], timeout=10)

    async def close(self) -> None:
        """At the end of the server: what is not ready yet is taken up again at the next start."""
        for file_id in list(self._running):
            await self.stop(file_id)

    async def _upload(self, file: FileSummary, metadata: dict[str, Any], user: User, ctx: RequestContext) -> None:
        try:
            async with self._turns:
                await self._tell(file.id, "processing")
                wanted = bool(metadata.get("knowledge_id"))
                completed = await self._read(file, user, ctx, complete=not wanted)
                if wanted:
                    await self._into_knowledge(file, metadata, user, ctx)
            if not completed:
                await self._tell(file.id, "completed")
        except HttpError as error:
            await self._tell(file.id, "failed", str(error.detail))
        except Exception as error:
            if not isinstance(error, (RetrievalError, StorageError)):
                log.exception("file %s cannot be read", file.id)
            await self._tell(file.id, "failed", str(error) or type(error).__name__)

    async def _tell(self, file_id: str, status: str, error: str | None = None) -> None:
        fields = {"status": status} if status == "processing" else {"status": status, "error": error}
        # Without a hash the same content may be uploaded again.
        columns = {"hash": None} if status == "failed" else {}
        await store.update_file(self._db, file_id, data=fields, **columns)
        self._changed(file_id, ProcessingStatus(status, error))

    def _changed(self, file_id: str, status: ProcessingStatus) -> None:
        reading = self._readings.get(file_id)
        if reading is not None:
            reading.tell(status)

    async def _read(self, file: FileSummary, user: User, ctx: RequestContext, *, complete: bool) -> bool:
        """Whether its row says that all is done, as it shall with `complete`.

        Raises: RetrievalError, StorageError, HttpError.
        """
        kind = await self._kind(file)
        if kind and media_types.is_speech(self._config.items(AUDIO_STT_SUPPORTED_CONTENT_TYPES), kind):
            raise RetrievalError(NO_SPEECH)
        if kind and kind.startswith(("image/", "video/")) and not self._is_extracted(kind):
            if kind.startswith("image/"):
                raise RetrievalError(f"File type {kind} is not supported for processing")
            return False  # films are kept as they are, for models and tools that watch them
        await self.index(file, user, ctx=ctx, complete=complete)
        return complete

    async def _kind(self, file: FileSummary) -> str | None:
        kind = (file.meta or {}).get("content_type")
        if not isinstance(kind, str) or not kind:
            return None
        if kind.startswith(("image/", "video/")) and file.path:
            async with self._storage.local(file.path) as place:
                if await asyncio.to_thread(media_types.is_probably_text, place):
                    return "text/plain"
        return kind

    def _is_extracted(self, kind: str) -> bool:
        supported = self._config.get(RAG_CONTENT_EXTRACTION_SUPPORTED_MEDIA_MIME_TYPES)
        chosen = supported.split(",") if isinstance(supported, str) else supported
        engine = self._config.text(RAG_CONTENT_EXTRACTION_ENGINE)
        return media_types.can_extract(engine, chosen if isinstance(chosen, list) else None, kind)

    async def _into_knowledge(
        self, file: FileSummary, metadata: dict[str, Any], user: User, ctx: RequestContext
    ) -> None:
        """Put a file into the knowledge it was uploaded for; nothing where its owner may not write there."""
        knowledge_id = str(metadata["knowledge_id"])
        row = await knowledge.get(self._db, knowledge_id)
        if row is None or not (
            row.user_id == user.id
            or user.is_admin
            or await self._grants.has_access(user.id, "knowledge", knowledge_id, "write")
        ):
            log.warning("file %s is not put into knowledge %s: its owner may not write there", file.id, knowledge_id)
            return
        directory: str | None = str(metadata.get("directory_id") or "") or None
        if directory and await directory_store.get(self._db, knowledge_id, directory) is None:
            log.warning("knowledge %s has no directory %s", knowledge_id, directory)
            directory = None
        fresh = await store.find_file(self._db, file.id)
        if fresh is None:
            raise RetrievalError(messages.NOT_FOUND)
        await self._chunks.add_file(fresh, knowledge_id, user, ctx=ctx, mark_completed=False)
        await knowledge.link(self._db, knowledge_id, file.id, user.id, directory)

    # --- a file's text

    async def index(
        self,
        file: FileSummary,
        user: User,
        *,
        content: str | None = None,
        collection: str | None = None,
        ctx: RequestContext | None = None,
        complete: bool = True,
    ) -> Indexed:
        """Read a file, keep its text, split, embed and write it, into its own collection or another.

        With `content` that is its text from now on. Into another collection its chunks are copied. Its row says then
        that all is done, unless `complete` is false. A failure is told there, too, and whoever listens hears of it.

        Raises:
            RetrievalError: what is wrong, in words for its owner.
        """
        try:
            if collection and not content:
                await self._chunks.add_file(file, collection, user, ctx=ctx, mark_completed=complete)
                return Indexed(collection if self._embeds else None)
            return await self._indexed(file, user, content, collection, ctx, complete)
        except RetrievalError as error:
            await self._failed(file, user, str(error), collection)
            raise
        except Exception as error:
            if not isinstance(error, StorageError):
                log.exception("file %s cannot be read", file.id)
            await self._failed(file, user, str(error) or type(error).__name__, collection)
            raise RetrievalError(str(error) or type(error).__name__) from error

    @property
    def _embeds(self) -> bool:
        return not self._config.flag(RAG_BYPASS_EMBEDDING_AND_RETRIEVAL)

    async def _indexed(
        self,
        file: FileSummary,
        user: User,
        content: str | None,
        collection: str | None,
        ctx: RequestContext | None,
        complete: bool,
    ) -> Indexed:
        target = (collection or get_collection_name(file.id)) if self._embeds else None
        if content:
            await self._vectors.drop(get_collection_name(file.id))
        done: dict[str, str | None] = {"status": "completed", "error": None} if complete else {}
        async with self._said(file, content, ctx) as said:
            # Each change writes the row anew, with its text: as few as there can be.
            if target is None:
                await store.update_file(self._db, file.id, data={"content": said.text, **done}, hash=said.hash)
            else:
                await store.update_file(self._db, file.id, data={"content": said.text})
                extra = {"file_id": file.id, "name": file.filename, "hash": said.hash}
                await self._indexer.index(target, said.documents, extra, add=collection is not None, ctx=ctx)
                named = {"collection_name": target}
                await store.update_file(self._db, file.id, data=done, meta=named, hash=said.hash)
        if complete:
            self._changed(file.id, ProcessingStatus("completed", None))
        await self._told(file, user, target)
        return Indexed(target)

    @asynccontextmanager
    async def _said(self, file: FileSummary, content: str | None, ctx: RequestContext | None) -> AsyncIterator[_Said]:
        """What a file says: its new text, or as the configured engine reads it, or what it said."""
        if content or not file.path:
            text = content or await store.find_text(self._db, file.id) or ""
            document = Document(text.replace("<br/>", "\n") if content else text, build_chunk_metadata(file))
            text = await asyncio.to_thread(text_files.make_storable, text)
            yield _Said([document], text, await asyncio.to_thread(text_files.hash_text, text))
            return
        kind = (file.meta or {}).get("content_type")
        async with spool.spool() as documents, spool.spool() as whole:
            async with self._storage.local(file.path) as place:
                known = kind if isinstance(kind, str) else None
                await self._extractor.spool(place, file.filename, known, documents, ctx=ctx)
            found = await asyncio.to_thread(text_files.join_spool_texts, documents, whole)
            yield _Said(Spooled(documents, partial(_described, build_chunk_metadata(file))), Path(whole), found)

    async def _told(self, file: FileSummary, user: User, collection: str | None) -> None:
        data = {"collection_name": collection, "filename": file.filename}
        await self._bus.publish(ActivityEvent("retrieval.content.processed", user, file.id, "file", data))

    async def _failed(self, file: FileSummary, user: User, error: str, collection: str | None) -> None:
        await self._tell(file.id, "failed", error)
        data = {
            "collection_name": collection or get_collection_name(file.id),
            "filename": file.filename,
            "message": f"{file.filename}: {error}",
        }
        await self._bus.publish(ActivityEvent("retrieval.content.process_failed", user, file.id, "file", data))

    # --- who waits for a file

    async def status(self, file_id: str) -> ProcessingStatus | None:
        """How far a file is; None where there is no such file."""
        reading = self._readings.get(file_id)
        # A row with megabytes of text is not opened for that while it is known here.
        return (reading and reading.status) or await store.find_status(self._db, file_id)

    async def progress(self, file_id: str) -> AsyncIterator[dict[str, Any]]:
        """How far a file is, at once, when it changes and every second, until it is ready or failed."""
        reading = self._readings.setdefault(file_id, _Reading())
        for _ in range(int(LONGEST / LOOK)):
            changed = reading.changed
            status = await self.status(file_id)
            if status is None:
                yield {"status": "not_found"}
                return
            if not status.status:
                return
            yield {"status": status.status} | ({"error": status.error} if status.status == "failed" else {})
            if status.status in ("completed", "failed"):
                return
            try:
                await asyncio.wait_for(changed.wait(), LOOK)
            except TimeoutError:
                pass

    # --- what a stopped server left

    async def resume(self) -> None:
        """Take up again the reading of files that a server which was stopped did not get to."""
        for row in await store.list_unfinished(self._db, int(time.time()) - FRESH):
            if row.file.id in self._running:
                continue
            log.info("reading file %s again: the server was stopped meanwhile", row.file.id)
            metadata = (row.file.meta or {}).get("data")
            ctx = RequestContext(user=row.owner)
            self.start(row.file, metadata if isinstance(metadata, dict) else {}, row.owner, ctx)
