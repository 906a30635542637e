"""Which files lie in a knowledge: rows and chunks together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import msgspec

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

#: Files of one request that are put into a knowledge at the same time.
AT_ONCE = 4
#: Files whose rows are held at the same time.
_PORTION = 200


class _Read(msgspec.Struct):
    """Whether a file has been read."""

    has_data: bool


class Contents:
    """Puts files into knowledge and takes them out."""

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
        #: Whether files stay when they are taken out of the knowledge that they lie in.
        self.keeps_files = keeps_files

    async def file(self, file_id: str) -> FileSummary:
        """Raises: BadRequest, when there is no such file."""
        found = await files.find_file(self._db, file_id)
        if found is None:
            raise BadRequest(messages.NOT_FOUND)
        return found

    async def check_read(self, file_id: str) -> None:
        """Raises: BadRequest, for a file that nobody has read yet."""
        text = "SELECT CAST(f.data AS TEXT) NOT IN ('{}', 'null') FROM file f WHERE f.id = :id AND f.data IS NOT NULL"
        rows = await self._db.fetch_all_in_thread(_Read, "knowledge.is_read", text, id=file_id)
        if not rows or not rows[0].has_data:
            raise BadRequest(messages.FILE_NOT_PROCESSED)

    async def add(self, knowledge_id: str, file: FileSummary, form: FileForm, user: User, ctx: RequestContext) -> None:
        """Put a file into a knowledge.

        Raises:
            Forbidden: the user may not read it. BadRequest: they may not change it, or its chunks cannot be made.
        """
        if not await self._access.can_access(user, file, "read"):
            raise Forbidden(messages.ACCESS_PROHIBITED)
        await self.index(knowledge_id, file, user, ctx)
        await store.link(self._db, knowledge_id, file.id, user.id, form.directory_id)

    async def index(self, knowledge_id: str, file: FileSummary, user: User, ctx: RequestContext) -> None:
        """Write a file's chunks into a knowledge. Raises: BadRequest, in the words of the reference."""
        if not await self._access.can_access(user, file, "write"):
            raise BadRequest(f"404: {messages.NOT_FOUND}")
        try:
            await self._chunks.add_file(file, knowledge_id, user, ctx=ctx)
        except RetrievalError as error:
            raise BadRequest(f"400: {error}") from error

    async def add_many(self, knowledge_id: str, forms: Sequence[FileForm], user: User, ctx: RequestContext) -> None:
        """Put files into a knowledge, a few at a time; those that cannot be are left out, as in the reference.

        Raises:
            BadRequest: one of them does not exist. Forbidden: the user may not read one.
        """
        wanted = {form.file_id: form for form in forms}
        found = {file.id: file for file in await files.list_files(self._db, list(wanted))}
        missing = next((file_id for file_id in wanted if file_id not in found), None)
        if missing is not None:
            raise BadRequest(f"File {missing} not found")
        if not user.is_admin:
            others = [file.id for file in found.values() if file.user_id != user.id]
            if len(await self._access.list_accessible_ids(user, others)) < len(others):
                raise Forbidden(messages.ACCESS_PROHIBITED)
        there = await store.linked(self._db, knowledge_id, list(wanted))
        hashes: set[str] = set()
        new: list[FileSummary] = []
        for file_id in wanted:
            file = found[file_id]
            # Of what is the same text only the first is put in.
            if file_id not in there and (not file.hash or file.hash not in hashes):
                hashes.add(file.hash or "")
                new.append(file)
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(file: FileSummary) -> None:
            async with gate:
                try:
                    if file.user_id != user.id and not user.is_admin:
                        raise RetrievalError("Permission denied: not file owner")
                    await self._chunks.add_file(file, knowledge_id, user, ctx=ctx, record_collection=False)
                    await store.link(self._db, knowledge_id, file.id, user.id, wanted[file.id].directory_id)
                except RetrievalError as error:
                    log.warning("file %s was not put into knowledge %s: %s", file.id, knowledge_id, error)

        await asyncio.gather(*(one(file) for file in new))

    async def drop(self, knowledge_id: str) -> None:
        """Delete all chunks of a knowledge; what cannot be is logged: its rows count, not its chunks."""
        try:
            await self._vectors.drop(knowledge_id)
        except RetrievalError as error:
            log.warning("the chunks of knowledge %s were not deleted: %s", knowledge_id, error)

    async def take_out(self, knowledge_id: str, file_ids: Sequence[str]) -> None:
        """Delete the chunks of files; what cannot be is logged."""
        try:
            await self._chunks.remove_files(knowledge_id, file_ids)
        except RetrievalError as error:
            log.warning("chunks of knowledge %s were not deleted: %s", knowledge_id, error)

    async def delete(self, file_ids: Sequence[str], user: User) -> None:
        """Delete those of the files that are the user's to delete."""
        for start in range(0, len(file_ids), _PORTION):
            found = await files.list_files(self._db, list(file_ids[start : start + _PORTION]))
            await self._removal.delete_files([file for file in found if user.is_admin or file.user_id == user.id])

    async def lost(self, knowledge_id: str, file_ids: Sequence[str], user: User) -> None:
        """Files that have left a knowledge: their chunks go; and they, where no other knowledge has them."""
        if not file_ids:
            return
        await self.take_out(knowledge_id, file_ids)
        if not self.keeps_files:
            needed = await store.elsewhere(self._db, file_ids)
            await self.delete([file_id for file_id in file_ids if file_id not in needed], user)

    async def reindex(self, knowledge_id: str, user: User, ctx: RequestContext) -> int:
        """Make all chunks of a knowledge anew from the texts of its files; how many files failed."""
        await self.drop(knowledge_id)
        gate = asyncio.Semaphore(AT_ONCE)
        failed = 0

        async def one(file: FileSummary) -> None:
            nonlocal failed
            async with gate:
                try:
                    await self._chunks.drop_file_collections([file.id])
                    await self._chunks.add_file(file, knowledge_id, user, ctx=ctx)
                except RetrievalError as error:
                    failed += 1
                    log.warning("file %s of knowledge %s was not reindexed: %s", file.id, knowledge_id, error)

        ids = await store.file_ids(self._db, knowledge_id)
        for start in range(0, len(ids), _PORTION):
            await asyncio.gather(
                *(one(file) for file in await files.list_files(self._db, ids[start : start + _PORTION]))
            )
        return failed
