"""`/api/v1/retrieval`: texts into collections, chunks out of collections, and resets."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
from pathlib import Path
from typing import Any

import msgspec
from starlette.requests import Request

from fastback import messages
from fastback.access.activity import ActivityEvent
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.features.files import store as files
from fastback.features.knowledge import store as knowledge_store
from fastback.features.retrieval.collection_access import CollectionAccess
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, NotFound, Router
from fastback.providers.request_context import build_request_context
from fastback.retrieval.indexing import Indexer
from fastback.retrieval.interfaces import Document, RetrievalError, VectorStore
from fastback.settings import Settings

log = logging.getLogger("fastback.retrieval")

router = Router("/api/v1/retrieval")

JsonObject = dict[str, Any]


class TextForm(msgspec.Struct):
    name: str
    content: str
    collection_name: str | None = None


@router.post("/process/text", takes_content=True)
async def process_text(
    data: TextForm, request: Request, user: VerifiedUser, access: CollectionAccess, indexer: Indexer, bus: Bus
) -> JsonObject:
    """Write a text to a collection, by default one named by its hash. An existing collection stays unchanged."""
    collection = data.collection_name
    if collection is None:
        collection = await asyncio.to_thread(lambda: hashlib.sha256(data.content.encode()).hexdigest())
    else:
        await access.require_access([collection], user, "write")
    document = Document(data.content, {"name": data.name, "created_by": user.id})
    try:
        await indexer.index_documents(collection, [document], ctx=build_request_context(request, user))
    except RetrievalError as error:
        raise BadRequest(str(error)) from error
    event_data = {"name": data.name, "content_preview": data.content[:300]}
    await bus.publish(
        ActivityEvent("retrieval.content.processed", user, collection, "retrieval.collection", event_data)
    )
    return {"status": True, "collection_name": collection, "content": data.content}


class DeleteForm(msgspec.Struct):
    collection_name: str
    file_id: str


@router.post("/delete")
async def delete_file_chunks(
    data: DeleteForm, user: AdminUser, db: Database, store: VectorStore, bus: Bus
) -> JsonObject:
    """Delete the chunks with the content of a file from a collection."""
    if not await store.has_collection(data.collection_name):
        return {"status": False}
    file = await files.find_file(db, data.file_id)
    if file is None:
        raise NotFound(messages.NOT_FOUND)
    if file.hash is None:
        raise BadRequest(messages.wrap_reason("File has no hash; cannot delete vector entries by hash."))
    try:
        await store.delete_chunks(data.collection_name, where={"hash": file.hash})
    except RetrievalError:
        log.exception("deleting chunks from collection %s failed", data.collection_name)
        return {"status": False}
    await bus.publish(
        ActivityEvent("retrieval.collection.deleted", user, data.collection_name, data={"file_id": data.file_id})
    )
    return {"status": True}


@router.post("/reset/db")
async def reset_vector_store(user: AdminUser, db: Database, store: VectorStore, bus: Bus) -> None:
    """Delete every chunk, and every knowledge."""
    await store.delete_all()
    async with db.transaction() as tx:
        await knowledge_store.delete_all_knowledge(tx)
    await bus.publish(ActivityEvent("retrieval.vector_db.reset", user, "default"))


@router.post("/reset/uploads")
async def reset_uploads(user: AdminUser, settings: Settings, bus: Bus) -> bool:
    """Delete the uploaded bytes; the rows remain."""
    await asyncio.to_thread(_empty_directory, settings.upload_path)
    await bus.publish(ActivityEvent("retrieval.uploads.reset", user, "all", "file.uploads"))
    return True


def _empty_directory(folder: Path) -> None:
    for path in folder.iterdir() if folder.is_dir() else ():
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        except OSError as error:
            log.warning("deleting %s failed: %s", path, error)
