"""Knowledge as a target of uploads: the metadata of an upload may name a knowledge and a directory in it."""

from __future__ import annotations

import logging
from typing import Any

from fastback import messages
from fastback.access.grants import Grants
from fastback.access.identity import User
from fastback.features.files import store as files
from fastback.features.files.chunks import FileChunks
from fastback.features.files.store import FileSummary
from fastback.features.knowledge import directory_store, store
from fastback.kit.db import Database
from fastback.providers.request_context import RequestContext
from fastback.retrieval.interfaces import RetrievalError

log = logging.getLogger("fastback.files")


class KnowledgeUploads:
    """Adds uploaded files to the knowledge they were uploaded for (`files.upload_targets.UploadTarget`)."""

    def __init__(self, *, db: Database, grants: Grants, chunks: FileChunks) -> None:
        self._db = db
        self._grants = grants
        self._chunks = chunks

    def is_named_by(self, metadata: dict[str, Any]) -> bool:
        return bool(metadata.get("knowledge_id"))

    async def add_file(self, file: FileSummary, metadata: dict[str, Any], user: User, ctx: RequestContext) -> None:
        """Add a file to the knowledge that its metadata name; skip it if its owner may not write there.

        A directory that does not exist is ignored.

        Raises:
            RetrievalError: the file is gone, or writing its chunks failed.
        """
        knowledge_id = str(metadata["knowledge_id"])
        if not await self._can_write(knowledge_id, user):
            log.warning("file %s skipped for knowledge %s: its owner may not write there", file.id, knowledge_id)
            return
        directory_id: str | None = str(metadata.get("directory_id") or "") or None
        if directory_id and await directory_store.find_directory(self._db, knowledge_id, directory_id) is None:
            log.warning("directory %s not found in knowledge %s, using its top level", directory_id, knowledge_id)
            directory_id = None
        current_file = await files.find_file(self._db, file.id)
        if current_file is None:
            raise RetrievalError(messages.NOT_FOUND)
        await self._chunks.add_file(current_file, knowledge_id, user, ctx=ctx, mark_completed=False)
        await store.link_file(self._db, knowledge_id, file.id, user.id, directory_id)

    async def _can_write(self, knowledge_id: str, user: User) -> bool:
        row = await store.find_knowledge(self._db, knowledge_id)
        if row is None:
            return False
        if row.user_id == user.id or user.is_admin:
            return True
        return await self._grants.has_access(user.id, "knowledge", knowledge_id, "write")
