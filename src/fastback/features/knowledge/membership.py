"""The files of a knowledge: links and chunks, changed together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from fastback import messages
from fastback.access.identity import User
from fastback.features.files import store as files
from fastback.features.files.access import FileAccess
from fastback.features.files.chunks import FileChunks
from fastback.features.files.deletion import FileDeletion
from fastback.features.files.store import FileSummary
from fastback.features.knowledge import store
from fastback.features.knowledge.schemas import FileForm
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Forbidden
from fastback.providers.request_context import RequestContext
from fastback.retrieval.interfaces import RetrievalError, VectorStore

log = logging.getLogger("fastback.knowledge")

#: Files of one request that are added to a knowledge at the same time.
PARALLEL_FILES = 4
#: Files whose rows are read at once.
_BATCH = 200


class KnowledgeContents:
    """Adds files to knowledge and removes them."""

    def __init__(
        self,
        *,
        db: Database,
        access: FileAccess,
        chunks: FileChunks,
        removal: FileDeletion,
        vectors: VectorStore,
        keeps_files: bool,
    ) -> None:
        self._db = db
        self._access = access
        self._chunks = chunks
        self._removal = removal
        self._vectors = vectors
        #: Whether files remain when they are removed from their only knowledge.
        self.keeps_files = keeps_files

    async def get_file(self, file_id: str) -> FileSummary:
        """Return a file.

        Raises:
            BadRequest: there is no such file.
        """
        file = await files.find_file(self._db, file_id)
        if file is None:
            raise BadRequest(messages.NOT_FOUND)
        return file

    async def require_processed(self, file_id: str) -> None:
        """Check that a file has been processed.

        Raises:
            BadRequest: it has not.
        """
        if not await files.is_processed(self._db, file_id):
            raise BadRequest(messages.FILE_NOT_PROCESSED)

    async def add_file(
        self, knowledge_id: str, file: FileSummary, form: FileForm, user: User, ctx: RequestContext
    ) -> None:
        """Add a file to a knowledge.

        Raises:
            Forbidden: the user may not read the file.
            BadRequest: the user may not change the file, or indexing it failed.
        """
        if not await self._access.can_access(user, file, "read"):
            raise Forbidden(messages.ACCESS_PROHIBITED)
        await self.index_file(knowledge_id, file, user, ctx)
        await store.link_file(self._db, knowledge_id, file.id, user.id, form.directory_id)

    async def index_file(self, knowledge_id: str, file: FileSummary, user: User, ctx: RequestContext) -> None:
        """Write a file's chunks to a knowledge.

        Raises:
            BadRequest: with the messages of the reference.
        """
        if not await self._access.can_access(user, file, "write"):
            raise BadRequest(f"404: {messages.NOT_FOUND}")
        try:
            await self._chunks.add_file(file, knowledge_id, user, ctx=ctx)
        except RetrievalError as error:
            raise BadRequest(f"400: {error}") from error

    async def add_files(self, knowledge_id: str, forms: Sequence[FileForm], user: User, ctx: RequestContext) -> None:
        """Add files to a knowledge, a few at a time. As in the reference, files that fail are skipped.

        Raises:
            BadRequest: one of the files does not exist.
            Forbidden: the user may not read one of them.
        """
        forms_by_file = {form.file_id: form for form in forms}
        files_by_id = {file.id: file for file in await files.list_files(self._db, list(forms_by_file))}
        missing = next((file_id for file_id in forms_by_file if file_id not in files_by_id), None)
        if missing is not None:
            raise BadRequest(f"File {missing} not found")
        if not user.is_admin:
            foreign_ids = [file.id for file in files_by_id.values() if file.user_id != user.id]
            if len(await self._access.list_accessible_ids(user, foreign_ids)) < len(foreign_ids):
                raise Forbidden(messages.ACCESS_PROHIBITED)
        linked_ids = await store.filter_linked_ids(self._db, knowledge_id, list(forms_by_file))
        hashes: set[str] = set()
        new: list[FileSummary] = []
        for file_id in forms_by_file:
            file = files_by_id[file_id]
            # Of files with equal texts only the first is added.
            if file_id not in linked_ids and (not file.hash or file.hash not in hashes):
                hashes.add(file.hash or "")
                new.append(file)
        semaphore = asyncio.Semaphore(PARALLEL_FILES)

        async def add_one_file(file: FileSummary) -> None:
            async with semaphore:
                try:
                    if file.user_id != user.id and not user.is_admin:
                        raise RetrievalError("Permission denied: not file owner")
                    await self._chunks.add_file(file, knowledge_id, user, ctx=ctx, record_collection=False)
                    await store.link_file(self._db, knowledge_id, file.id, user.id, forms_by_file[file.id].directory_id)
                except RetrievalError as error:
                    log.warning("adding file %s to knowledge %s failed, skipped: %s", file.id, knowledge_id, error)

        await asyncio.gather(*(add_one_file(file) for file in new))

    async def drop_chunks(self, knowledge_id: str) -> None:
        """Delete all chunks of a knowledge. A failure is logged only: the rows decide what the knowledge contains."""
        try:
            await self._vectors.drop_collection(knowledge_id)
        except RetrievalError as error:
            log.warning("deleting the collection of knowledge %s failed: %s", knowledge_id, error)

    async def remove_chunks(self, knowledge_id: str, file_ids: Sequence[str]) -> None:
        """Delete the chunks of files from a knowledge; a failure is logged only."""
        try:
            await self._chunks.remove_files(knowledge_id, file_ids)
        except RetrievalError as error:
            log.warning("deleting chunks of knowledge %s failed: %s", knowledge_id, error)

    async def delete_files(self, file_ids: Sequence[str], user: User) -> None:
        """Delete the files among these that the user may delete."""
        for start in range(0, len(file_ids), _BATCH):
            batch = await files.list_files(self._db, list(file_ids[start : start + _BATCH]))
            await self._removal.delete_files([file for file in batch if user.is_admin or file.user_id == user.id])

    async def discard_files(self, knowledge_id: str, file_ids: Sequence[str], user: User) -> None:
        """Remove the chunks of files that left a knowledge, and delete files that no other knowledge contains."""
        if not file_ids:
            return
        await self.remove_chunks(knowledge_id, file_ids)
        if not self.keeps_files:
            used_ids = await store.filter_used_ids(self._db, file_ids)
            await self.delete_files([file_id for file_id in file_ids if file_id not in used_ids], user)

    async def reindex_files(self, knowledge_id: str, user: User, ctx: RequestContext) -> int:
        """Rebuild all chunks of a knowledge from the texts of its files. Return the number of files that failed."""
        await self.drop_chunks(knowledge_id)
        semaphore = asyncio.Semaphore(PARALLEL_FILES)
        failed = 0

        async def reindex_file(file: FileSummary) -> None:
            nonlocal failed
            async with semaphore:
                try:
                    await self._chunks.drop_file_collections([file.id])
                    await self._chunks.add_file(file, knowledge_id, user, ctx=ctx)
                except RetrievalError as error:
                    failed += 1
                    log.warning("reindexing file %s of knowledge %s failed: %s", file.id, knowledge_id, error)

        ids = await store.list_file_ids(self._db, knowledge_id)
        for start in range(0, len(ids), _BATCH):
            await asyncio.gather(
                *(reindex_file(file) for file in await files.list_files(self._db, ids[start : start + _BATCH]))
            )
        return failed
