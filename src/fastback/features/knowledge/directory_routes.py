"""`/api/v1/knowledge/{id}/dirs`: the directories of a knowledge, and moving files between them."""

from __future__ import annotations

import time

import msgspec

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.features.knowledge import directory_store, service, store
from fastback.features.knowledge.directory_store import Directory
from fastback.features.knowledge.schemas import UNCHANGED_PARENT, DirectoryForm, DirectoryUpdateForm, FileForm
from fastback.features.knowledge.service import JsonObject, KnowledgeService
from fastback.kit.db import IntegrityError
from fastback.kit.http import BadRequest, NotFound, Router

router = Router("/api/v1/knowledge")

_PARENT_NOT_FOUND = "Parent directory not found."
TARGET_NOT_FOUND = "Target directory not found."
_CREATE_ERROR = "Failed to create directory. A directory with this name may already exist at this level."
_UPDATE_ERROR = "Failed to update directory. This may be caused by a naming conflict or circular move."


@router.post("/{id}/dirs/create")
async def create_directory(id: str, data: DirectoryForm, user: VerifiedUser, knowledge: KnowledgeService) -> Directory:
    await knowledge.get_knowledge(id, user, "write", service.ERRORS_404_403, local_only=True)
    await knowledge.require_directories(id, [data.parent_id], _PARENT_NOT_FOUND)
    try:
        directory = await directory_store.create_directory(knowledge.db, id, data.name, user.id, data.parent_id)
    except IntegrityError:
        raise BadRequest(_CREATE_ERROR) from None
    await _publish_event(knowledge, "created", user, directory)
    return directory


@router.post("/{id}/dirs/{dir_id}/update")
async def update_directory(
    id: str, dir_id: str, data: DirectoryUpdateForm, user: VerifiedUser, knowledge: KnowledgeService
) -> Directory:
    await knowledge.get_knowledge(id, user, "write", service.ERRORS_404_403, local_only=True)
    row = await _get_directory(knowledge, id, dir_id)
    moves = data.parent_id != UNCHANGED_PARENT
    parent_id = (data.parent_id or None) if moves else row.parent_id
    if moves:
        await knowledge.require_directories(id, [parent_id], _PARENT_NOT_FOUND)
    changed = msgspec.structs.replace(
        row,
        name=row.name if data.name is None else data.name,
        parent_id=parent_id,
        updated_at=int(time.time()) if moves or data.name is not None else row.updated_at,
    )
    if changed != row:
        try:
            async with knowledge.db.transaction() as tx:
                if moves and dir_id in await directory_store.load_with_ancestors(tx, id, [parent_id]):
                    raise BadRequest(_UPDATE_ERROR)
                await directory_store.update_directory(tx, changed)
        except IntegrityError:
            raise BadRequest(_UPDATE_ERROR) from None
    await _publish_event(knowledge, "updated", user, changed)
    return changed


@router.post("/{id}/file/move")
async def move_file(id: str, data: FileForm, user: VerifiedUser, knowledge: KnowledgeService) -> JsonObject:
    await knowledge.get_knowledge(id, user, "write", service.ERRORS_404_403, local_only=True)
    if not await store.filter_linked_ids(knowledge.db, id, [data.file_id]):
        raise NotFound()
    await knowledge.require_directories(id, [data.directory_id], TARGET_NOT_FOUND)
    await store.move_file(knowledge.db, id, data.file_id, data.directory_id)
    await knowledge.publish_event(
        "knowledge.file.moved", user, data.file_id, knowledge_id=id, directory_id=data.directory_id
    )
    return {"status": True}


async def _get_directory(knowledge: KnowledgeService, knowledge_id: str, directory_id: str) -> Directory:
    row = await directory_store.find_directory(knowledge.db, knowledge_id, directory_id)
    if row is None:
        raise NotFound(messages.NOT_FOUND)
    return row


async def _publish_event(knowledge: KnowledgeService, action: str, user: VerifiedUser, row: Directory) -> None:
    data = {"knowledge_id": row.knowledge_id, "name": row.name, "parent_id": row.parent_id}
    await knowledge.publish_event(f"knowledge.directory.{action}", user, row.id, **data)
