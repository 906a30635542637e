"""`/api/v1/knowledge/{id}/file`: putting files into a knowledge, and making its chunks anew."""

from __future__ import annotations

import logging
import time

from starlette.requests import Request

from fastback import messages
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.features.knowledge import directory_store, service, store
from fastback.features.knowledge.descriptions import Descriptions
from fastback.features.knowledge.directory_routes import NO_TARGET
from fastback.features.knowledge.membership import Contents
from fastback.features.knowledge.schemas import FileForm
from fastback.features.knowledge.service import Answer, Library
from fastback.kit.http import BadRequest, Router, Unauthorized
from fastback.providers.request_context import build_request_context

log = logging.getLogger("fastback.knowledge")

router = Router("/api/v1/knowledge")


@router.post("/{id}/file/add")
async def add(
    id: str, data: FileForm, request: Request, user: VerifiedUser, library: Library, contents: Contents
) -> Answer:
    row = await library.found(id, user, "write", service.PLAIN, ours=True)
    await directory_store.require(library.db, id, [data.directory_id], NO_TARGET)
    file = await contents.file(data.file_id)
    await contents.check_read(data.file_id)
    await contents.add(id, file, data, user, build_request_context(request, user))
    await library.tell("knowledge.file.added", user, file.id, knowledge_id=id, directory_id=data.directory_id)
    return await library.with_files(row)


@router.post("/{id}/file/update")
async def update(
    id: str, data: FileForm, request: Request, user: VerifiedUser, library: Library, contents: Contents
) -> Answer:
    """Take a file's chunks over anew, after its text has changed."""
    row = await library.found(id, user, "write", service.PLAIN, ours=True)
    file = await contents.file(data.file_id)
    if not await store.linked(library.db, id, [data.file_id]):
        raise BadRequest(messages.NOT_FOUND)
    await contents.index(id, file, user, build_request_context(request, user))
    await library.tell("knowledge.file.updated", user, file.id, knowledge_id=id)
    return await library.with_files(row)


@router.post("/{id}/files/batch/add")
async def add_many(
    id: str, data: list[FileForm], request: Request, user: VerifiedUser, library: Library, contents: Contents
) -> Answer:
    row = await library.found(id, user, "write", service.PLAIN, ours=True)
    await directory_store.require(library.db, id, [form.directory_id for form in data], NO_TARGET)
    await contents.add_many(id, data, user, build_request_context(request, user))
    return await library.with_files(row)


@router.post("/reindex")
async def reindex(request: Request, user: VerifiedUser, library: Library, contents: Contents) -> bool:
    """Make all chunks of all knowledge anew from the texts of their files, with today's model."""
    if not user.is_admin:
        raise Unauthorized(messages.UNAUTHORIZED)
    started = time.monotonic()
    rows = await store.everything(library.db)
    failed = 0
    for row in rows:
        failed += await contents.reindex(row.id, user, build_request_context(request, user))
    log.info("reindexed %d knowledge in %.1f s; %d files failed", len(rows), time.monotonic() - started, failed)
    await library.tell("knowledge.reindexed", user, "all", count=len(rows))
    return True


@router.post("/metadata/reindex")
async def reindex_descriptions(user: AdminUser, descriptions: Descriptions) -> Answer:
    total, done = await descriptions.rebuild(user)
    return {"total": total, "success": done}
