"""Deleting files for good: rows, chunks wherever they lie, bytes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import msgspec

from fastback.features.files.chunks import FileChunks
from fastback.features.files.store import FileSummary
from fastback.kit.db import Database
from fastback.kit.storage import Storage, StorageError
from fastback.retrieval.interfaces import RetrievalError

log = logging.getLogger("fastback.files")

#: Files whose bytes are deleted at the same time.
_AT_ONCE = 8
#: Files that one statement deletes.
_PORTION = 1000


class _Link(msgspec.Struct):
    knowledge_id: str
    file_id: str


class FileDeletion:
    """Deletes files; who may do that is asked before."""

    def __init__(self, db: Database, storage: Storage, chunks: FileChunks) -> None:
        self._db = db
        self._storage = storage
        self._chunks = chunks

    async def delete_files(self, files: Sequence[FileSummary]) -> None:
        """Delete files, and take them out of everything that refers to them by a row.

        The rows go first: what fails afterwards is logged, and leaves nothing that anybody would find.
        """
        for start in range(0, len(files), _PORTION):
            portion = files[start : start + _PORTION]
            links = await self._rows([file.id for file in portion])
            await self._chunks_of(portion, links)
            gate = asyncio.Semaphore(_AT_ONCE)
            await asyncio.gather(*(self._bytes(file, gate) for file in portion if file.path))

    async def _rows(self, ids: list[str]) -> list[_Link]:
        """Delete the rows; where the files lay."""
        async with self._db.transaction(long=True) as tx:
            links = await tx.fetch_all(
                _Link,
                "files.links",
                "SELECT knowledge_id, file_id FROM knowledge_file WHERE file_id = ANY(:ids)",
                ids=ids,
            )
            for table in ("chat_file", "channel_file", "knowledge_file"):
                await tx.execute(f"files.remove.{table}", f"DELETE FROM {table} WHERE file_id = ANY(:ids)", ids=ids)
            await tx.execute("files.remove", "DELETE FROM file WHERE id = ANY(:ids)", ids=ids)
        return links

    async def _chunks_of(self, files: Sequence[FileSummary], links: Sequence[_Link]) -> None:
        lay: dict[str, list[str]] = {}
        for link in links:
            lay.setdefault(link.knowledge_id, []).append(link.file_id)
        try:
            for knowledge_id, file_ids in lay.items():
                await self._chunks.remove_files(knowledge_id, file_ids)
            await self._chunks.drop_file_collections([file.id for file in files])
        except RetrievalError as error:
            log.warning("chunks of deleted files are left: %s", error)

    async def _bytes(self, file: FileSummary, gate: asyncio.Semaphore) -> None:
        async with gate:
            try:
                await self._storage.delete(file.path or "")
            except StorageError as error:
                log.warning("the bytes of file %s are left: %s", file.id, error)
