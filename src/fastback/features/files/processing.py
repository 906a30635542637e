"""Processing of uploads in the background: a queue that reads a file, indexes its text and adds it to its targets."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from fastback import messages
from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys.audio import AUDIO_STT_SUPPORTED_CONTENT_TYPES
from fastback.config.keys.retrieval import (
    RAG_CONTENT_EXTRACTION_ENGINE,
    RAG_CONTENT_EXTRACTION_SUPPORTED_MEDIA_MIME_TYPES,
)
from fastback.features.files import media_types, store
from fastback.features.files.file_indexer import FileIndexer
from fastback.features.files.progress import FileProgress, ProgressBoard
from fastback.features.files.store import FileSummary, ProcessingStatus
from fastback.features.files.upload_targets import UploadTargets
from fastback.kit.cluster import Cluster, hold_lease
from fastback.kit.db import Database
from fastback.kit.http import HttpError
from fastback.kit.outages import find_outage, is_disk_full
from fastback.kit.storage import Storage, StorageError
from fastback.media.speech.transcription import Transcription
from fastback.providers.request_context import RequestContext
from fastback.retrieval.interfaces import RetrievalError

log = logging.getLogger("fastback.files")

#: Files that are processed at the same time: each holds its text in memory.
PARALLEL_FILES = 3
#: Recordings that are transcribed at the same time: other files do not wait for them.
PARALLEL_RECORDINGS = 2
#: Seconds after which the processing of a file that a stopped server left is not resumed.
RESUME_WINDOW = 24 * 3600
#: Seconds after which other processes resume the files of one that has died.
LEASE_SECONDS = 30.0
_DISK_FULL = "This file was not processed: the disk of the server is full."
#: The cluster's channel of the ids of files whose processing stops.
_STOPS = "files:stops"


class FileProcessing:
    """Processes uploaded files, a few at a time, and records the outcome in their rows."""

    def __init__(
        self,
        *,
        db: Database,
        config: Config,
        storage: Storage,
        indexer: FileIndexer,
        transcription: Transcription,
        progress: ProgressBoard,
        targets: UploadTargets,
        cluster: Cluster,
    ) -> None:
        self._db = db
        self._config = config
        self._storage = storage
        self._indexer = indexer
        self._transcription = transcription
        self._progress = progress
        self._targets = targets
        self._cluster = cluster
        cluster.subscribe(_STOPS, lambda message: self._stop_here(message.decode()))
        self._slots = asyncio.Semaphore(PARALLEL_FILES)
        self._recording_slots = asyncio.Semaphore(PARALLEL_RECORDINGS)
        self._running: dict[str, tuple[asyncio.Task[None], FileProgress]] = {}

    def start(self, file: FileSummary, metadata: dict[str, Any], user: User, ctx: RequestContext) -> asyncio.Task[None]:
        """Process an uploaded file in the background; the file's row records the outcome."""
        return self._start(file, metadata, user, ctx, is_resumed=False)

    def _start(
        self, file: FileSummary, metadata: dict[str, Any], user: User, ctx: RequestContext, *, is_resumed: bool
    ) -> asyncio.Task[None]:
        work = self._process_alone(file, metadata, user, ctx, is_resumed=is_resumed)
        task = asyncio.get_running_loop().create_task(work)
        progress = self._progress.open_entry(file.id)
        self._running[file.id] = task, progress

        def finish(_: asyncio.Task[None]) -> None:
            if self._running.get(file.id) == (task, progress):
                del self._running[file.id]
            if task.cancelled():
                progress.set_status(None)
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("recording the outcome of file %s failed", file.id, exc_info=error)

        task.add_done_callback(finish)
        return task

    async def stop(self, file_id: str) -> None:
        """Cancel the processing of a file, which is being deleted, in every process."""
        await self._cluster.publish(_STOPS, file_id.encode())

    async def _stop_here(self, file_id: str) -> None:
        if file_id in self._running:
            task, _ = self._running[file_id]
            task.cancel()
            await asyncio.wait([task], timeout=10)

    async def close(self) -> None:
        """Cancel all processing when the server stops; the next start resumes it."""
        for file_id in list(self._running):
            await self._stop_here(file_id)

    async def resume(self) -> None:
        """Start processing the files that a stopped process did not finish, and no other process has begun to."""
        for row in await store.list_unfinished(self._db, int(time.time()) - RESUME_WINDOW):
            if row.file.id in self._running:
                continue
            metadata = (row.file.meta or {}).get("data")
            ctx = RequestContext(user=row.owner)
            self._start(row.file, metadata if isinstance(metadata, dict) else {}, row.owner, ctx, is_resumed=True)

    async def _process_alone(
        self, file: FileSummary, metadata: dict[str, Any], user: User, ctx: RequestContext, *, is_resumed: bool
    ) -> None:
        """Process a file, also while it waits for others, unless another process does."""
        async with hold_lease(self._cluster, f"file:{file.id}", seconds=LEASE_SECONDS) as lease:
            if lease is None:
                return
            if is_resumed:
                status = await store.find_status(self._db, file.id)
                if status is None or status.status not in ("pending", "processing"):
                    return  # another process has finished it meanwhile
                log.info("processing file %s again: the server stopped before it was finished", file.id)
            await self._process_upload(file, metadata, user, ctx)

    async def _process_upload(
        self, file: FileSummary, metadata: dict[str, Any], user: User, ctx: RequestContext
    ) -> None:
        try:
            async with self._recording_slots if self._is_recording(file) else self._slots:
                await self._set_status(file.id, "processing")
                targets = self._targets.list_named(metadata)
                completed = await self._read_file(file, metadata, user, ctx, mark_completed=not targets)
                for target in targets:
                    await target.add_file(file, metadata, user, ctx)
            if not completed:
                await self._set_status(file.id, "completed")
        except HttpError as error:
            await self._set_status(file.id, "failed", str(error.detail))
        except Exception as error:
            if not isinstance(error, (RetrievalError, StorageError)):
                log.exception("processing file %s failed", file.id)
            await self._set_status(file.id, "failed", _describe_failure(error))

    async def _set_status(self, file_id: str, status: str, error: str | None = None) -> None:
        fields = {"status": status} if status == "processing" else {"status": status, "error": error}
        # Without a hash the same content may be uploaded again.
        columns = {"hash": None} if status == "failed" else {}
        await store.update_file(self._db, file_id, data=fields, **columns)
        self._progress.set_status(file_id, ProcessingStatus(status, error))

    def _is_recording(self, file: FileSummary) -> bool:
        """Return whether files of the declared type are transcribed."""
        content_type = (file.meta or {}).get("content_type")
        supported = self._config.get_list(AUDIO_STT_SUPPORTED_CONTENT_TYPES)
        return isinstance(content_type, str) and media_types.is_speech(supported, content_type)

    async def _read_file(
        self, file: FileSummary, metadata: dict[str, Any], user: User, ctx: RequestContext, *, mark_completed: bool
    ) -> bool:
        """Read and index a file. Return whether its row says `completed` now, which only `mark_completed` allows.

        Raises:
            RetrievalError, StorageError, HttpError
        """
        content_type = await self._find_content_type(file)
        speech_types = self._config.get_list(AUDIO_STT_SUPPORTED_CONTENT_TYPES)
        if content_type and media_types.is_speech(speech_types, content_type):
            text = await self._transcribe(file, metadata, user)
            await self._indexer.index_file(file, user, content=text, ctx=ctx, mark_completed=mark_completed)
            return mark_completed
        if content_type and content_type.startswith(("image/", "video/")) and not self._can_extract(content_type):
            if content_type.startswith("image/"):
                raise RetrievalError(f"File type {content_type} is not supported for processing")
            return False  # videos are stored as they are, for models and tools that watch them
        await self._indexer.index_file(file, user, ctx=ctx, mark_completed=mark_completed)
        return mark_completed

    async def _transcribe(self, file: FileSummary, metadata: dict[str, Any], user: User) -> str:
        """Return the text of a recording.

        Raises:
            HttpError, StorageError: it cannot be transcribed. RetrievalError: it has no speech.
        """
        language = metadata.get("language")
        async with self._storage.local_copy(file.path or "") as local_path:
            text = await self._transcription.transcribe(
                local_path, language=language if isinstance(language, str) else None, user=user
            )
        if not text.strip():
            raise RetrievalError(messages.EMPTY_CONTENT)
        return text

    async def _find_content_type(self, file: FileSummary) -> str | None:
        content_type = (file.meta or {}).get("content_type")
        if not isinstance(content_type, str) or not content_type:
            return None
        if content_type.startswith(("image/", "video/")) and file.path:
            async with self._storage.local_copy(file.path) as local_path:
                if await asyncio.to_thread(media_types.is_probably_text, local_path):
                    return "text/plain"
        return content_type

    def _can_extract(self, content_type: str) -> bool:
        supported = self._config.get(RAG_CONTENT_EXTRACTION_SUPPORTED_MEDIA_MIME_TYPES)
        patterns = supported.split(",") if isinstance(supported, str) else supported
        engine = self._config.get_text(RAG_CONTENT_EXTRACTION_ENGINE)
        return media_types.can_extract(engine, patterns if isinstance(patterns, list) else None, content_type)


def _describe_failure(error: Exception) -> str:
    """Return the text of a failed processing for the owner of the file."""
    outage = find_outage(error)
    if outage is not None and is_disk_full(outage):
        return _DISK_FULL
    return str(error) or type(error).__name__
