"""`/api/v1/knowledge/{id}/file`: adding files to a knowledge, and rebuilding its chunks."""

from __future__ import annotations

import logging
import time

from starlette.requests import Request

from fastback import messages
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.features.knowledge import service, store
from fastback.features.knowledge.descriptions import DescriptionIndex
from fastback.features.knowledge.directory_routes import TARGET_NOT_FOUND
from fastback.features.knowledge.membership import KnowledgeContents
from fastback.features.knowledge.schemas import FileForm
from fastback.features.knowledge.service import JsonObject, KnowledgeService
from fastback.kit.http import BadRequest, Router, Unauthorized
from fastback.providers.request_context import build_request_context

log = logging.getLogger("fastback.knowledge")

router = Router("/api/v1/knowledge")


@router.post("/{id}/file/add")
async def add_file(
    id: str,
    data: FileForm,
    request: Request,
    user: VerifiedUser,
    knowledge: KnowledgeService,
    contents: KnowledgeContents,
) -> JsonObject:
    row = await knowledge.get_knowledge(id, user, "write", service.ERRORS_400_400, local_only=True)
    await knowledge.require_directories(id, [data.directory_id], TARGET_NOT_FOUND)
    file = await contents.get_file(data.file_id)
    await contents.require_processed(data.file_id)
    await contents.add_file(id, file, data, user, build_request_context(request, user))
    await knowledge.publish_event(
        "knowledge.file.added", user, file.id, knowledge_id=id, directory_id=data.directory_id
    )
    return await knowledge.build_response_with_files(row)


@router.post("/{id}/file/update")
async def update_file(
    id: str,
    data: FileForm,
    request: Request,
    user: VerifiedUser,
    knowledge: KnowledgeService,
    contents: KnowledgeContents,
) -> JsonObject:
    """Copy a file's chunks again, after its text has changed."""
    row = await knowledge.get_knowledge(id, user, "write", service.ERRORS_400_400, local_only=True)
    file = await contents.get_file(data.file_id)
    if not await store.filter_linked_ids(knowledge.db, id, [data.file_id]):
        raise BadRequest(messages.NOT_FOUND)
    await contents.index_file(id, file, user, build_request_context(request, user))
    await knowledge.publish_event("knowledge.file.updated", user, file.id, knowledge_id=id)
    return await knowledge.build_response_with_files(row)


@router.post("/{id}/files/batch/add")
async def add_files(
    id: str,
    data: list[FileForm],
    request: Request,
    user: VerifiedUser,
    knowledge: KnowledgeService,
    contents: KnowledgeContents,
) -> JsonObject:
    row = await knowledge.get_knowledge(id, user, "write", service.ERRORS_400_400, local_only=True)
    await knowledge.require_directories(id, [form.directory_id for form in data], TARGET_NOT_FOUND)
    await contents.add_files(id, data, user, build_request_context(request, user))
    return await knowledge.build_response_with_files(row)


@router.post("/reindex")
async def reindex_all(
    request: Request, user: VerifiedUser, knowledge: KnowledgeService, contents: KnowledgeContents
) -> bool:
    """Rebuild all chunks of all knowledge from the texts of their files, with the configured model."""
    if not user.is_admin:
        raise Unauthorized(messages.UNAUTHORIZED)
    started = time.monotonic()
    rows = await store.list_knowledge(knowledge.db)
    failed = 0
    for row in rows:
        failed += await contents.reindex_files(row.id, user, build_request_context(request, user))
    log.info("reindexed %d knowledge in %.1f s; %d files failed", len(rows), time.monotonic() - started, failed)
    await knowledge.publish_event("knowledge.reindexed", user, "all", count=len(rows))
    return True


@router.post("/metadata/reindex")
async def reindex_descriptions(user: AdminUser, descriptions: DescriptionIndex) -> JsonObject:
    total, done = await descriptions.rebuild_collection(user)
    return {"total": total, "success": done}
