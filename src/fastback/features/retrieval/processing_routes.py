"""`/api/v1/retrieval/process/file` and `…/files/batch`: uploaded files into collections."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec
from starlette.requests import Request

from fastback import messages
from fastback.access.activity import ActivityEvent
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.features.files import store
from fastback.features.files.chunks import build_chunk_metadata
from fastback.features.files.file_indexer import FileIndexer
from fastback.features.files.service import FileService
from fastback.features.files.store import FileSummary
from fastback.features.files.text_files import hash_text, make_storable
from fastback.features.retrieval.collection_access import CollectionAccess
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Forbidden, Router
from fastback.providers.request_context import RequestContext, build_request_context
from fastback.retrieval.indexing import Indexer
from fastback.retrieval.interfaces import Document, RetrievalError, VectorStore
from fastback.retrieval.vectors.metadata import ANY_OF

log = logging.getLogger("fastback.files")

router = Router("/api/v1/retrieval/process")


class FileForm(msgspec.Struct):
    file_id: str
    content: str | None = None
    collection_name: str | None = None


@router.post("/file")
async def process_file(
    request: Request,
    data: FileForm,
    user: VerifiedUser,
    files: FileService,
    file_indexer: FileIndexer,
    collections: CollectionAccess,
) -> dict[str, Any]:
    file = await files.get_file(data.file_id, user, "write")
    if data.collection_name is not None:
        try:
            await collections.require_access([data.collection_name], user, "write")
        except Forbidden as error:
            raise BadRequest(f"403: {error.detail}") from error
    try:
        indexed = await file_indexer.index_file(
            file, user, content=data.content, collection=data.collection_name, ctx=build_request_context(request, user)
        )
    except RetrievalError as error:
        raise BadRequest(str(error)) from error
    return {
        "status": True,
        "collection_name": indexed.collection,
        "filename": file.filename,
        "content": await store.get_text_json(files.db, file.id),
    }


class BatchFile(msgspec.Struct):
    """A file as the client knows it, with its text."""

    id: str
    user_id: str
    filename: str
    created_at: int | None
    updated_at: int | None
    hash: str | None = None
    path: str | None = None
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None


class BatchForm(msgspec.Struct):
    files: list[BatchFile]
    collection_name: str


class FileResult(msgspec.Struct):
    """The outcome for one file."""

    file_id: str
    status: str
    error: str | None = None


class _BatchEntry(msgspec.Struct):
    text: str
    hash: str
    document: Document


class _FileBatch:
    """Texts that are written to a collection together."""

    def __init__(self, db: Database, indexer: Indexer, vectors: VectorStore) -> None:
        self._db = db
        self._indexer = indexer
        self._vectors = vectors
        self.results: list[FileResult] = []
        self.errors: list[FileResult] = []
        self._entries: list[_BatchEntry] = []

    async def select_files(self, form: BatchForm, user: User) -> None:
        """Select the files that the user may index; reject files whose text the collection contains."""
        rows_by_id = {file.id: file for file in await store.list_files(self._db, [file.id for file in form.files])}
        hashes = await asyncio.to_thread(lambda: [hash_text(_get_text(file)) for file in form.files])
        duplicates = await self._vectors.find_chunks(form.collection_name, {"hash": {ANY_OF: hashes}}) if hashes else []
        holders: dict[str, Any] = {}
        for hit in duplicates:
            holders.setdefault(str(hit.metadata.get("hash")), hit.metadata.get("file_id"))
        seen: set[str] = set()
        for file, text_hash in zip(form.files, hashes, strict=True):
            row = rows_by_id.get(file.id)
            if row is None:
                self._reject(file.id, "File not found")
            elif row.user_id != user.id and not user.is_admin:
                self._reject(file.id, "Permission denied: not file owner")
            elif text_hash in seen or holders.get(text_hash, file.id) != file.id:
                self._reject(file.id, messages.DUPLICATE_CONTENT)
            else:
                seen.add(text_hash)
                text = _get_text(file)
                metadata = build_chunk_metadata(
                    FileSummary(file.id, file.user_id, None, file.filename, None, file.meta, None, None)
                )
                document = Document(text.replace("<br/>", "\n"), {**metadata, "hash": text_hash})
                self._entries.append(_BatchEntry(text, text_hash, document))
                self.results.append(FileResult(file.id, "prepared"))

    def _reject(self, file_id: str, reason: str) -> None:
        self.errors.append(FileResult(file_id, "failed", reason))

    async def index_files(self, collection: str, ctx: RequestContext) -> None:
        """Embed and write the selected files, all of them or none."""
        if not self._entries:
            return
        try:
            await self._indexer.index_documents(
                collection, [entry.document for entry in self._entries], add=True, ctx=ctx
            )
        except RetrievalError as error:
            log.warning("indexing %d files in collection %s failed: %s", len(self._entries), collection, error)
            for result in self.results:
                result.status = "failed"
                self._reject(result.file_id, str(error))
            return
        for entry, result in zip(self._entries, self.results, strict=True):
            await store.update_file(
                self._db, result.file_id, data={"content": make_storable(entry.text)}, hash=entry.hash
            )
            result.status = "completed"


def _get_text(file: BatchFile) -> str:
    text = (file.data or {}).get("content", "")
    return text if isinstance(text, str) else ""


@router.post("/files/batch")
async def process_batch(
    request: Request,
    data: BatchForm,
    user: VerifiedUser,
    db: Database,
    indexer: Indexer,
    vectors: VectorStore,
    collections: CollectionAccess,
    bus: Bus,
) -> dict[str, list[FileResult]]:
    if data.collection_name:
        await collections.require_access([data.collection_name], user, "write")
    batch = _FileBatch(db, indexer, vectors)
    await batch.select_files(data, user)
    await batch.index_files(data.collection_name, build_request_context(request, user))
    completed_count = sum(result.status == "completed" for result in batch.results)
    event_data = {"count": completed_count, "errors": len(batch.errors)}
    await bus.publish(
        ActivityEvent("retrieval.content.processed", user, data.collection_name, "retrieval.collection", event_data)
    )
    return {"results": batch.results, "errors": batch.errors}
