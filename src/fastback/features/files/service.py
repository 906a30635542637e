"""Rules that operations on files share: permission checks, new texts, deletion with all that refers to a file."""

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
from fastback.features.files.file_indexer import FileIndexer
from fastback.features.files.processing import FileProcessing
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
    """Reads and changes files on behalf of a user."""

    def __init__(
        self,
        *,
        db: Database,
        config: Config,
        storage: Storage,
        access: FileAccess,
        processing: FileProcessing,
        indexer: FileIndexer,
        chunks: FileChunks,
        vectors: VectorStore,
        bus: Bus,
    ) -> None:
        self.db = db
        self.storage = storage
        self.access = access
        self._config = config
        self._processing = processing
        self._indexer = indexer
        self._chunks = chunks
        self._vectors = vectors
        self._bus = bus

    async def get_file(self, file_id: str, user: User, permission: str = "read") -> FileSummary:
        """Return a file that the user may read or write.

        Raises:
            NotFound: there is no such file, or the user lacks the permission.
        """
        file = await store.find_file(self.db, file_id)
        if file is None or not await self.access.can_access(user, file, permission):
            raise NotFound()
        return file

    async def rename_file(self, file: FileSummary, name: str, user: User) -> None:
        """Rename a file.

        Raises:
            BadRequest: the file is gone, or the database refuses the name.
        """
        try:
            renamed = await store.update_file(self.db, file.id, filename=name, meta={"name": name})
        except DatabaseError as error:
            log.error("renaming file %s failed: %s", file.id, error)
            renamed = False
        if not renamed:
            raise BadRequest(messages.wrap_reason("Error renaming file"))
        await self._bus.publish(ActivityEvent("file.renamed", user, file.id, data={"filename": name}))

    async def update_text(self, file: FileSummary, content: str, user: User, ctx: RequestContext) -> msgspec.Raw:
        """Replace the text of a file, and its chunks in every collection. Return the text as a JSON string.

        Raises:
            BadRequest: the text is empty.
            HttpError: 413 if the text is too large, 500 if embedding it failed.
        """
        if not content.strip():
            raise BadRequest(messages.EMPTY_CONTENT)
        megabytes = self._config.get_number(RAG_FILE_MAX_SIZE)
        if megabytes and await asyncio.to_thread(text_files.count_bytes, content) > int(megabytes) * 1024 * 1024:
            raise HttpError(413, messages.file_too_large(f"{int(megabytes)} MB"))
        try:
            await self._indexer.index_file(file, user, content=content, ctx=ctx)
        except RetrievalError as error:
            raise HttpError(500, _NOT_INDEXED) from error
        failed = False
        current_file = await store.find_file(self.db, file.id) or file
        for knowledge_id in await store.list_knowledge_ids(self.db, file.id):
            try:
                await self._chunks.add_file(current_file, knowledge_id, user, ctx=ctx)
            except RetrievalError as error:
                log.warning("indexing the new text of file %s in knowledge %s failed: %s", file.id, knowledge_id, error)
                failed = True
        event_data = {"content_preview": content[:300]}
        await self._bus.publish(ActivityEvent("file.content_updated", user, file.id, data=event_data))
        if failed:
            raise HttpError(500, _PARTLY_INDEXED)
        return await store.get_text_json(self.db, file.id)

    async def delete_file(self, file: FileSummary, user: User) -> None:
        """Delete a file, its bytes, its chunks in every collection, and the rows that refer to it.

        Raises:
            BadRequest: the storage or the vector store failed; the file's row remains.
        """
        await self._processing.stop(file.id)
        for knowledge_id in await store.list_knowledge_ids(self.db, file.id):
            try:
                await self._vectors.delete_chunks(knowledge_id, where={"file_id": file.id})
                if file.hash:
                    await self._vectors.delete_chunks(knowledge_id, where={"hash": file.hash})
            except RetrievalError as error:
                log.warning("deleting chunks of file %s in knowledge %s failed: %s", file.id, knowledge_id, error)
        try:
            if file.path:
                await self.storage.delete(file.path)
            await self._vectors.drop_collection(get_collection_name(file.id))
        except (StorageError, RetrievalError) as error:
            log.error("deleting file %s failed: %s", file.id, error)
            raise BadRequest(messages.wrap_reason("Error deleting files")) from error
        async with self.db.transaction(long=True) as tx:
            await store.delete_files(tx, [file.id])
        await self._bus.publish(ActivityEvent("file.deleted", user, file.id, data={"filename": file.filename}))

    async def delete_all_files(self, user: User) -> None:
        """Delete all files of all users, and every collection of chunks.

        Raises:
            BadRequest: the storage or the vector store failed; the rows are gone.
        """
        await self._processing.close()
        async with self.db.transaction(long=True) as tx:
            await store.delete_all_files(tx)
        try:
            await self.storage.delete_all_files()
            await self._vectors.delete_all()
        except (StorageError, RetrievalError) as error:
            log.error("deleting all files failed: %s", error)
            raise BadRequest(messages.wrap_reason("Error deleting files")) from error
        await self._bus.publish(ActivityEvent("file.deleted_all", user, subject_type="file"))
