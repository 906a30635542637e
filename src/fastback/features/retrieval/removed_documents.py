"""Delete chunks of documents that Open WebUI has removed from the database, which vectors of ours do not follow."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any

from fastback.features.files import store as files_store
from fastback.features.knowledge import store as knowledge_store
from fastback.features.memories import store as memories_store
from fastback.kit.db import Database
from fastback.retrieval.interfaces import RetrievalError
from fastback.retrieval.vectors import chroma_files, factory
from fastback.retrieval.vectors.chroma_import import has_rows, import_in_process, open_files
from fastback.retrieval.vectors.sqlite import SqliteStore
from fastback.settings import Settings

log = logging.getLogger("fastback.vectors")

#: Ids of one statement.
_BATCH = 500
_FILE_PREFIX, _MEMORY_PREFIX, _DESCRIPTIONS = "file-", "user-memory-", "knowledge-bases"


class RemovedDocuments:
    """Compares collections with the rows they belong to: files, links of knowledge, knowledge, memories."""

    def __init__(self, db: Database, store: SqliteStore) -> None:
        self._db = db
        self._store = store

    async def take_over(self, settings: Settings) -> None:
        """Import what Open WebUI has written to Chroma's files, then delete what was removed in either program."""
        if not chroma_files.has_chroma_files(factory.get_directory(settings)):
            return
        try:
            # Documents that are being added while this runs may have chunks before they have rows.
            last = await self._store.get_last_chunk()
            has_imported = await import_in_process(settings, self._store)
            await self._delete_chunks_before(last)
            if has_imported:
                await self._delete_imported_chunks(settings)
        except RetrievalError as error:
            log.warning("comparing the vector store with the database failed: %s", error)

    async def _delete_chunks_before(self, last: int) -> None:
        names = [name for name in await self._store.list_collections() if has_rows(name)]
        removed_files = await self._filter_removed_files(names)
        for name in names:
            if name.startswith(_FILE_PREFIX) and name not in removed_files:
                continue
            owners = await self._store.list_owners(name, last, are_files=not _has_own_rows(name))
            removed = owners if name in removed_files else await self._filter_removed(name, owners)
            if removed:
                log.info("deleting chunks of %d removed documents from %s", len(removed), name)
                await self._store.delete_owned_chunks(name, removed, last=last)
                await self._drop_empty_collection(name)

    async def _delete_imported_chunks(self, settings: Settings) -> None:
        """Delete chunks by their ids, which those that are being added here do not have."""
        files = open_files(settings)
        try:
            names = [name for name in await files.list_collections() if has_rows(name)]
            removed_files = await self._filter_removed_files(names)
            for name in names:
                if name.startswith(_FILE_PREFIX) and name not in removed_files:
                    continue
                items = [item for item in await files.list_items(name) if item.file_id or _has_own_rows(name)]
                owners = {item.owner for item in items}
                removed = owners if name in removed_files else await self._filter_removed(name, owners)
                if removed:
                    await self._store.delete_chunks(name, ids=[item.id for item in items if item.owner in removed])
                    await self._drop_empty_collection(name)
        finally:
            await files.close()

    async def _drop_empty_collection(self, name: str) -> None:
        if not await self._store.count_chunks(name):
            await self._store.drop_collection(name)

    async def _filter_removed_files(self, names: list[str]) -> set[str]:
        """Return the collections of files that do not exist."""
        ids = {name.removeprefix(_FILE_PREFIX) for name in names if name.startswith(_FILE_PREFIX)}
        existing = await _list_existing(ids, partial(files_store.filter_file_ids, self._db))
        return {f"{_FILE_PREFIX}{file_id}" for file_id in ids - existing}

    async def _filter_removed(self, collection: str, owners: set[str]) -> set[str]:
        """Return the owners of a collection's chunks whose rows do not exist."""
        if not owners:
            return owners
        if collection.startswith(_MEMORY_PREFIX):
            memories = await memories_store.list_memories(self._db, collection.removeprefix(_MEMORY_PREFIX))
            return owners - {memory.id for memory in memories}
        if collection == _DESCRIPTIONS:
            return owners - await _list_existing(owners, self._list_knowledge_ids)
        if not await knowledge_store.find_knowledge(self._db, collection):
            return owners
        return owners - await _list_existing(owners, partial(knowledge_store.filter_linked_ids, self._db, collection))

    async def _list_knowledge_ids(self, ids: list[str]) -> list[str]:
        return [knowledge.id for knowledge in await knowledge_store.list_knowledge_by_id(self._db, ids)]


def _has_own_rows(collection: str) -> bool:
    """Return whether each chunk of a collection belongs to a row with its id."""
    return collection == _DESCRIPTIONS or collection.startswith(_MEMORY_PREFIX)


async def _list_existing(
    ids: set[str], list_existing: Callable[[list[str]], Coroutine[Any, Any, Iterable[str]]]
) -> set[str]:
    """Return the existing ids among these, in batches."""
    existing, ordered = set[str](), sorted(ids)
    for start in range(0, len(ordered), _BATCH):
        existing.update(await list_existing(ordered[start : start + _BATCH]))
    return existing
