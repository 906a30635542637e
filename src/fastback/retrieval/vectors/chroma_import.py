"""Import what Open WebUI has changed in Chroma's files since the last time, into the built-in store.

The files of Chroma stay unchanged. A document that Open WebUI has written since replaces ours; what it has not written
since is left as it is here, so that what was removed or embedded again here stays so. Which documents still exist is in
the database, and not decided here.
"""

from __future__ import annotations

import logging
import re

from fastback.kit.workers.command import CommandFailed, run_command
from fastback.retrieval.interfaces import RetrievalError
from fastback.retrieval.vectors import factory
from fastback.retrieval.vectors.chroma_files import ChromaFiles, CollectionMark
from fastback.retrieval.vectors.migration import MigrationResult, Report, iterate_pages
from fastback.retrieval.vectors.sqlite import SqliteStore
from fastback.settings import Settings

log = logging.getLogger("fastback.vectors")

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def has_rows(collection: str) -> bool:
    """Return whether a collection belongs to rows of the database: a file, a knowledge, memories, descriptions."""
    return (
        collection == "knowledge-bases"
        or collection.startswith(("file-", "user-memory-"))
        or may_be_knowledge(collection)
    )


def may_be_knowledge(collection: str) -> bool:
    """Return whether a name has the form of a knowledge's id."""
    return _UUID.fullmatch(collection) is not None


def open_files(settings: Settings) -> ChromaFiles:
    """Open Chroma's files in the data directory."""
    directory = factory.get_directory(settings)
    return ChromaFiles(directory, tenant=settings.chroma_tenant, database=settings.chroma_database)


async def has_changes(files: ChromaFiles, store: SqliteStore) -> bool:
    """Return whether Open WebUI has changed a collection since the last import or export.

    Raises:
        RetrievalError: files cannot be read.
    """
    marks, imported = await files.load_marks(), await store.load_import_marks()
    return bool(imported.keys() - marks.keys()) or any(
        name not in imported or not imported[name].includes(mark) for name, mark in marks.items()
    )


async def import_chroma_files(files: ChromaFiles, store: SqliteStore, report: Report) -> MigrationResult:
    """Import the documents that were written since the last import.

    A collection that Chroma has lost is dropped, unless it belongs to rows, which say what has been removed.

    Raises:
        RetrievalError: files cannot be read, or the store failed.
    """
    marks, imported, result = await files.load_marks(), await store.load_import_marks(), MigrationResult()
    for name, mark in marks.items():
        previous = imported.get(name)
        if previous is not None and previous.includes(mark):
            result.skipped += 1
            continue
        result.chunks += await _import_collection(files, store, name, previous, mark, report)
        result.collections += 1
        await store.save_import_mark(name, mark)
    for name in imported.keys() - marks.keys():
        if not has_rows(name):
            await store.drop_collection(name)
        await store.save_import_mark(name, None)
    return result


async def _import_collection(
    files: ChromaFiles,
    store: SqliteStore,
    name: str,
    previous: CollectionMark | None,
    mark: CollectionMark,
    report: Report,
) -> int:
    """Import the changed documents of a collection and return the number of their chunks."""
    is_same = previous is not None and previous.collection_id in ("", mark.collection_id)
    if previous is not None and not is_same and not has_rows(name):
        await store.drop_collection(name)  # its content was replaced as a whole
    items = await files.list_items(name)
    since = previous.sequence if previous is not None and is_same else -1
    changed = {item.owner for item in items if item.sequence > since}
    ids = {item.id for item in items if item.owner in changed}
    last, dimension, written = await store.get_last_chunk(), await store.find_dimension(name), 0
    async for page, _ in iterate_pages(files, name):
        chunks = [item for item in page if item.id in ids]
        if not chunks:
            continue
        if dimension not in (None, len(chunks[0].vector) // 4):
            # Open WebUI has embedded the collection with another model.
            await store.drop_collection(name)
            dimension = None
        await store.upsert(name, chunks)
        written += len(chunks)
        report(name, written, len(ids))
    await store.delete_owned_chunks(name, changed, last=last, except_ids=ids)
    return written


async def import_in_process(settings: Settings, store: SqliteStore) -> bool:
    """Import the changes in a process of its own, if there are any. Return whether it was done; failures are logged."""
    files = open_files(settings)
    try:
        if not await has_changes(files, store):
            return False
    except RetrievalError:
        return False  # the error is logged
    finally:
        await files.close()
    log.info("importing Chroma's files in %s", factory.get_directory(settings))
    names = {"CHROMA_TENANT": settings.chroma_tenant, "CHROMA_DATABASE": settings.chroma_database}
    try:
        report = await run_command(
            *("vectors", "move", "chroma", "sqlite", "--changed"),
            environment={**names, "DATA_DIR": str(settings.data_path), "CHROMA_HTTP_HOST": ""},
        )
    except CommandFailed as error:
        log.error("importing Chroma's files failed: %s", str(error)[-500:])
    else:
        log.info("Chroma: %s", report)
    return True
