"""From a file to its text and its chunks: read, kept in the row, split, embedded, written; and how far it has come."""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from fastback import messages
from fastback.access.grants import Grants
from fastback.access.happened import Happened
from fastback.access.identity import User
from fastback.config import Config
from fastback.features.files import kinds, store, texts
from fastback.features.files.chunks import FileChunks, metadata_of, own_collection
from fastback.features.files.store import Brief
from fastback.features.knowledge import directories
from fastback.features.knowledge import store as knowledge
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http import HttpError
from fastback.kit.http.binding import Services
from fastback.kit.storage import Storage, StorageError
from fastback.kit.tasks import Tasks
from fastback.providers.asking import Asking
from fastback.retrieval.contracts import Document, Extractor, RetrievalError, VectorStore
from fastback.retrieval.indexing import Indexer

log = logging.getLogger("fastback.files")

#: Files that are read at the same time: each holds its text in memory.
AT_ONCE = 3
#: Seconds between two looks at a file that somebody waits for, and how long anybody may.
LOOK, LONGEST = 1.0, 2 * 3600
#: Seconds after which the reading of a file that a stopped server left is not taken up again.
FRESH = 24 * 3600
NO_SPEECH = "Transcription of audio files is not built in this release of Fastback."


class Indexed(msgspec.Struct):
    """What became of a file; its text stands in its row."""

    #: None where nothing is embedded.
    collection: str | None


class Processing:
    """Reads files, in turn."""

    def __init__(
        self,
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
        self._running: dict[str, asyncio.Task[None]] = {}
        # Those who wait keep the event; nothing is left when they have gone.
        self._waiting: weakref.WeakValueDictionary[str, asyncio.Event] = weakref.WeakValueDictionary()

    # --- an upload, from beginning to end

    def start(self, file: Brief, metadata: dict[str, Any], user: User, asking: Asking) -> asyncio.Task[None]:
        """Read an uploaded file beside the request; what becomes of it is told in its row."""
        task = asyncio.get_running_loop().create_task(self._upload(file, metadata, user, asking))
        self._running[file.id] = task

        def ended(_: asyncio.Task[None]) -> None:
            if self._running.get(file.id) is task:
                del self._running[file.id]
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("what became of file %s cannot be written down", file.id, exc_info=error)

        task.add_done_callback(ended)
        return task

    async def stop(self, file_id: str) -> None:
        """Read a file no further: it is being deleted."""
        task = self._running.get(file_id)
        if task is not None:
            task.cancel()
            await asyncio.wait([task], timeout=10)

    async def close(self) -> None:
        """At the end of the server: what is not ready yet is taken up again at the next start."""
        for file_id in list(self._running):
            await self.stop(file_id)

    async def _upload(self, file: Brief, metadata: dict[str, Any], user: User, asking: Asking) -> None:
        try:
            async with self._turns:
                await self._tell(file.id, "processing")
                wanted = bool(metadata.get("knowledge_id"))
                completed = await self._read(file, user, asking, complete=not wanted)
                if wanted:
                    await self._into_knowledge(file, metadata, user, asking)
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
        await store.change(self._db, file_id, data=fields, **columns)
        self._changed(file_id)

    def _changed(self, file_id: str) -> None:
        waiting = self._waiting.pop(file_id, None)
        if waiting is not None:
            waiting.set()

    async def _read(self, file: Brief, user: User, asking: Asking, *, complete: bool) -> bool:
        """Whether its row says that all is done, as it shall with `complete`.

        Raises: RetrievalError, StorageError, HttpError.
        """
        kind = await self._kind(file)
        if kind and kinds.is_speech(self._config.items("audio.stt.supported_content_types"), kind):
            raise RetrievalError(NO_SPEECH)
        if kind and kind.startswith(("image/", "video/")) and not self._is_extracted(kind):
            if kind.startswith("image/"):
                raise RetrievalError(f"File type {kind} is not supported for processing")
            return False  # films are kept as they are, for models and tools that watch them
        await self.index(file, user, asking=asking, complete=complete)
        return complete

    async def _kind(self, file: Brief) -> str | None:
        kind = (file.meta or {}).get("content_type")
        if not isinstance(kind, str) or not kind:
            return None
        if kind.startswith(("image/", "video/")) and file.path:
            async with self._storage.local(file.path) as place:
                if await asyncio.to_thread(kinds.looks_like_text, place):
                    return "text/plain"
        return kind

    def _is_extracted(self, kind: str) -> bool:
        supported = self._config.get("rag.content_extraction.supported_media_mime_types")
        chosen = supported.split(",") if isinstance(supported, str) else supported
        engine = self._config.text("rag.content_extraction_engine")
        return kinds.is_extracted(engine, chosen if isinstance(chosen, list) else None, kind)

    async def _into_knowledge(self, file: Brief, metadata: dict[str, Any], user: User, asking: Asking) -> None:
        """Put a file into the knowledge it was uploaded for; nothing where its owner may not write there."""
        knowledge_id = str(metadata["knowledge_id"])
        row = await knowledge.get(self._db, knowledge_id)
        if row is None or not (
            row.user_id == user.id
            or user.is_admin
            or await self._grants.allows(user.id, "knowledge", knowledge_id, "write")
        ):
            log.warning("file %s is not put into knowledge %s: its owner may not write there", file.id, knowledge_id)
            return
        directory: str | None = str(metadata.get("directory_id") or "") or None
        if directory and await directories.get(self._db, knowledge_id, directory) is None:
            log.warning("knowledge %s has no directory %s", knowledge_id, directory)
            directory = None
        fresh = await store.brief(self._db, file.id)
        if fresh is None:
            raise RetrievalError(messages.NOT_FOUND)
        await self._chunks.put(fresh, knowledge_id, user, asking=asking, complete=False)
        await knowledge.link(self._db, knowledge_id, file.id, user.id, directory)

    # --- a file's text

    async def index(
        self,
        file: Brief,
        user: User,
        *,
        content: str | None = None,
        collection: str | None = None,
        asking: Asking | None = None,
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
                await self._chunks.put(file, collection, user, asking=asking, complete=complete)
                return Indexed(collection if self._embeds else None)
            return await self._indexed(file, user, content, collection, asking, complete)
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
        return not self._config.flag("rag.bypass_embedding_and_retrieval")

    async def _indexed(
        self,
        file: Brief,
        user: User,
        content: str | None,
        collection: str | None,
        asking: Asking | None,
        complete: bool,
    ) -> Indexed:
        target = collection or own_collection(file.id)
        if content:
            await self._vectors.drop(own_collection(file.id))
            documents = [self._document(file, content.replace("<br/>", "\n"))]
            text = content
        else:
            documents = await self._documents(file, asking)
            text = await asyncio.to_thread(" ".join, [one.text for one in documents])
        text = await asyncio.to_thread(texts.storable, text)
        known = await asyncio.to_thread(texts.hash_of, text)
        done: dict[str, str | None] = {"status": "completed", "error": None} if complete else {}
        # Each change writes the row anew, with its text: as few as there can be.
        if not self._embeds:
            await store.change(self._db, file.id, data={"content": text, **done}, hash=known)
            self._changed(file.id)
            await self._told(file, user, None)
            return Indexed(None)
        await store.change(self._db, file.id, data={"content": text})
        del text
        extra = {"file_id": file.id, "name": file.filename, "hash": known}
        await self._indexer.index(target, documents, extra, add=collection is not None, asking=asking)
        await store.change(self._db, file.id, data=done, meta={"collection_name": target}, hash=known)
        self._changed(file.id)
        await self._told(file, user, target)
        return Indexed(target)

    def _document(self, file: Brief, text: str, more: dict[str, Any] | None = None) -> Document:
        about = metadata_of(file)
        ours = {key: about[key] for key in ("name", "created_by", "file_id", "source")}
        return Document(text, {**about, **(more or {}), **ours})

    async def _documents(self, file: Brief, asking: Asking | None) -> list[Document]:
        """What a file says, as the configured engine reads it."""
        if not file.path:
            return [self._document(file, await store.content(self._db, file.id) or "")]
        kind = (file.meta or {}).get("content_type")
        async with self._storage.local(file.path) as place:
            found = await self._extractor.extract(
                place, file.filename, kind if isinstance(kind, str) else None, asking=asking
            )
        return [self._document(file, one.text, one.metadata) for one in found]

    async def _told(self, file: Brief, user: User, collection: str | None) -> None:
        data = {"collection_name": collection, "filename": file.filename}
        await self._bus.publish(Happened("retrieval.content.processed", user, file.id, "file", data))

    async def _failed(self, file: Brief, user: User, error: str, collection: str | None) -> None:
        await self._tell(file.id, "failed", error)
        data = {
            "collection_name": collection or own_collection(file.id),
            "filename": file.filename,
            "message": f"{file.filename}: {error}",
        }
        await self._bus.publish(Happened("retrieval.content.process_failed", user, file.id, "file", data))

    # --- who waits for a file

    async def progress(self, file_id: str) -> AsyncIterator[dict[str, Any]]:
        """How far a file is, at once, when it changes and every second, until it is ready or failed."""
        for _ in range(int(LONGEST / LOOK)):
            changed = self._waiting.setdefault(file_id, asyncio.Event())
            status = await store.status(self._db, file_id)
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
        for row in await store.unfinished(self._db, int(time.time()) - FRESH):
            if row.file.id in self._running:
                continue
            log.info("reading file %s again: the server was stopped meanwhile", row.file.id)
            metadata = (row.file.meta or {}).get("data")
            asking = Asking(user=row.owner)
            self.start(row.file, metadata if isinstance(metadata, dict) else {}, row.owner, asking)


async def start(services: Services) -> None:
    """Add `Processing`."""
    processing = Processing(
        services.get(Database),
        services.get(Config),
        services.get(Storage),
        services.get(FileChunks),
        services.get(Extractor),
        services.get(Indexer),
        services.get(VectorStore),
        services.get(Grants),
        services.get(Bus),
    )
    services.add(Processing, processing)
    tasks: Tasks = services.get(Tasks)
    tasks.at_end(processing.close)
    tasks.background(processing.resume())
