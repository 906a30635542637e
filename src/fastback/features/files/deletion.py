"""Deletion of many files at once: their rows, their chunks in every collection, their bytes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from fastback.features.files import store
from fastback.features.files.chunks import FileChunks
from fastback.features.files.store import FileSummary, KnowledgeLink
from fastback.kit.db import Database
from fastback.kit.storage import Storage, StorageError
from fastback.retrieval.interfaces import RetrievalError

log = logging.getLogger("fastback.files")

#: Files whose bytes are deleted at the same time.
_PARALLEL_DELETIONS = 8
#: Files that one transaction deletes.
_BATCH = 1000


class FileDeletion:
    """Deletes files; the caller has checked the permission."""

    def __init__(self, db: Database, storage: Storage, chunks: FileChunks) -> None:
        self._db = db
        self._storage = storage
        self._chunks = chunks

    async def delete_files(self, files: Sequence[FileSummary]) -> None:
        """Delete files, and the rows that link to them.

        The rows go first: a later failure is logged and leaves nothing that any request would find.
        """
        for start in range(0, len(files), _BATCH):
            batch = files[start : start + _BATCH]
            links = await self._delete_rows([file.id for file in batch])
            await self._delete_chunks(batch, links)
            semaphore = asyncio.Semaphore(_PARALLEL_DELETIONS)
            await asyncio.gather(*(self._delete_bytes(file, semaphore) for file in batch if file.path))

    async def _delete_rows(self, ids: list[str]) -> list[KnowledgeLink]:
        """Delete the rows. Return which knowledge contained the files."""
        async with self._db.transaction(long=True) as tx:
            links = await store.list_knowledge_links(tx, ids)
            await store.delete_files(tx, ids)
        return links

    async def _delete_chunks(self, files: Sequence[FileSummary], links: Sequence[KnowledgeLink]) -> None:
        ids_by_knowledge: dict[str, list[str]] = {}
        for link in links:
            ids_by_knowledge.setdefault(link.knowledge_id, []).append(link.file_id)
        try:
            for knowledge_id, file_ids in ids_by_knowledge.items():
                await self._chunks.remove_files(knowledge_id, file_ids)
            await self._chunks.drop_file_collections([file.id for file in files])
        except RetrievalError as error:
            log.warning("deleting the chunks of deleted files failed, they remain in the vector store: %s", error)

    async def _delete_bytes(self, file: FileSummary, semaphore: asyncio.Semaphore) -> None:
        async with semaphore:
            try:
                await self._storage.delete(file.path or "")
            except StorageError as error:
                log.warning("deleting the bytes of file %s failed, they remain in the storage: %s", file.id, error)
