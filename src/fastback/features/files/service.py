"""What operations on files share: whose they are, deleting them with all that hangs on them, their new texts."""

from __future__ import annotations

import asyncio
import logging

import msgspec

from fastback import messages
from fastback.access.activity import ActivityEvent
from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys.retrieval import RAG_FILE_MAX_SIZE
from fastback.features.files import store, text_files
from fastback.features.files.access import FileAccess
from fastback.features.files.chunks import FileChunks, get_collection_name
from fastback.features.files.processing import Processing
from fastback.features.files.store import FileSummary
from fastback.kit.bus import Bus
from fastback.kit.db import Database, DatabaseError
from fastback.kit.http import BadRequest, HttpError, NotFound
from fastback.kit.storage import Storage, StorageError
from fastback.providers.request_context import RequestContext
from fastback.retrieval.interfaces import RetrievalError, VectorStore

log = logging.getLogger("fastback.files")

_NOT_INDEXED = "Failed to process indexed text. Your changes were not fully indexed."
_PARTLY_INDEXED = (
    "Indexed text was saved, but some knowledge collections could not be reindexed. Retry saving to complete indexing."
)


class FileService:
    """Changes files."""

    def __init__(
        self,
        *,
        db: Database,
        config: Config,
        storage: Storage,
        access: FileAccess,
        processing: Processing,
        chunks: FileChunks,
        vectors: VectorStore,
        bus: Bus,
    ) -> None:
        self.db = db
        self.storage = storage
        self.access = access
        self._config = config
        self._processing = processing
        self._chunks = chunks
        self._vectors = vectors
        self._bus = bus

    async def get_file(self, file_id: str, user: User, permission: str = "read") -> FileSummary:
        """A file that a user may read or write. Raises: NotFound, also where they may not."""
        file = await store.find_file(self.db, file_id)
        if file is None or not await self.access.can_access(user, file, permission):
            raise NotFound()
        return file

    async def rename_file(self, file: FileSummary, name: str, user: User) -> None:
        """Raises: BadRequest: the file is gone, or the database does not take the name."""
        try:
            renamed = await store.update_file(self.db, file.id, filename=name, meta={"name": name})
        except DatabaseError as error:
            log.error("file %s cannot be renamed: %s", file.id, error)
            renamed = False
        if not renamed:
            raise BadRequest(messages.wrap_reason("Error renaming file"))
        await self._bus.publish(ActivityEvent("file.renamed", user, file.id, data={"filename": name}))

    async def update_text(self, file: FileSummary, content: str, user: User, ctx: RequestContext) -> msgspec.Raw:
        """Give a file another text, wherever its chunks lie; the text as JSON.

        Raises:
            BadRequest: no text. HttpError: 413 for one that is too large, 500 where it could not be embedded.
        """
        if not content.strip():
            raise BadRequest(messages.EMPTY_CONTENT)
        megabytes = self._config.number(RAG_FILE_MAX_SIZE)
        if megabytes and await asyncio.to_thread(text_files.count_bytes, content) > int(megabytes) * 1024 * 1024:
            raise HttpError(413, messages.file_too_large(f"{int(megabytes)} MB"))
        try:
            await self._processing.index(file, user, content=content, ctx=ctx)
        except RetrievalError as error:
            raise HttpError(500, _NOT_INDEXED) from error
        failed = False
        current_file = await store.find_file(self.db, file.id) or file
        for knowledge_id in await store.list_knowledge_ids(self.db, file.id):
            try:
                await self._chunks.add_file(current_file, knowledge_id, user, ctx=ctx)
            except RetrievalError as error:
                log.warning("the new text of file %s is not in knowledge %s: %s", file.id, knowledge_id, error)
                failed = True
        event_data = {"content_preview": content[:300]}
        await self._bus.publish(ActivityEvent("file.content_updated", user, file.id, data=event_data))
        if failed:
            raise HttpError(500, _PARTLY_INDEXED)
        return await store.get_text_json(self.db, file.id)

    async def delete_file(self, file: FileSummary, user: User) -> None:
        """Delete a file, its bytes, its chunks wherever they lie, and what refers to it.

        Raises:
            BadRequest: the storage or the store of vectors refuses; the file's row stays then.
        """
        await self._processing.stop(file.id)
        for knowledge_id in await store.list_knowledge_ids(self.db, file.id):
            try:
                await self._vectors.delete(knowledge_id, where={"file_id": file.id})
                if file.hash:
                    await self._vectors.delete(knowledge_id, where={"hash": file.hash})
            except RetrievalError as error:
                log.warning("chunks of file %s stay in knowledge %s: %s", file.id, knowledge_id, error)
        try:
            if file.path:
                await self.storage.delete(file.path)
            await self._vectors.drop(get_collection_name(file.id))
        except (StorageError, RetrievalError) as error:
            log.error("file %s cannot be deleted: %s", file.id, error)
            raise BadRequest(messages.wrap_reason("Error deleting files")) from error
        async with self.db.transaction(long=True) as tx:
            await store.delete_file(tx, file.id)
        await self._bus.publish(ActivityEvent("file.deleted", user, file.id, data={"filename": file.filename}))

    async def delete_all_files(self, user: User) -> None:
        """Delete every file there is, and every collection of chunks. Raises: BadRequest."""
        await self._processing.close()
        async with self.db.transaction(long=True) as tx:
            await store.delete_all_files(tx)
        try:
            await self.storage.delete_all_files()
            await self._vectors.reset()
        except (StorageError, RetrievalError) as error:
            log.error("files cannot be deleted: %s", error)
            raise BadRequest(messages.wrap_reason("Error deleting files")) from error
        await self._bus.publish(ActivityEvent("file.deleted_all", user, subject_type="file"))
