"""`/api/v1/knowledge/{id}/dirs`: the directories of a knowledge, and where a file lies among them."""

from __future__ import annotations

import time

import msgspec

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.features.knowledge import directory_store, service, store
from fastback.features.knowledge.directory_store import Directory
from fastback.features.knowledge.schemas import STAYS, DirectoryChange, DirectoryForm, FileForm
from fastback.features.knowledge.service import Answer, Library
from fastback.kit.db import IntegrityError
from fastback.kit.http import BadRequest, NotFound, Router

router = Router("/api/v1/knowledge")

_NO_PARENT = "Parent directory not found."
NO_TARGET = "Target directory not found."
_NOT_MADE = "Failed to create directory. A directory with this name may already exist at this level."
_NOT_CHANGED = "Failed to update directory. This may be caused by a naming conflict or circular move."


@router.post("/{id}/dirs/create")
async def create(id: str, data: DirectoryForm, user: VerifiedUser, library: Library) -> Directory:
    await library.found(id, user, "write", service.STRICT, ours=True)
    await directory_store.require(library.db, id, [data.parent_id], _NO_PARENT)
    try:
        made = await directory_store.create(library.db, id, data.name, user.id, data.parent_id)
    except IntegrityError:
        raise BadRequest(_NOT_MADE) from None
    await _tell(library, "created", user, made)
    return made


@router.post("/{id}/dirs/{dir_id}/update")
async def update(id: str, dir_id: str, data: DirectoryChange, user: VerifiedUser, library: Library) -> Directory:
    await library.found(id, user, "write", service.STRICT, ours=True)
    row = await _one(library, id, dir_id)
    moves = data.parent_id != STAYS
    parent_id = (data.parent_id or None) if moves else row.parent_id
    if moves:
        await directory_store.require(library.db, id, [parent_id], _NO_PARENT)
    changed = msgspec.structs.replace(
        row,
        name=row.name if data.name is None else data.name,
        parent_id=parent_id,
        updated_at=int(time.time()) if moves or data.name is not None else row.updated_at,
    )
    if changed != row:
        try:
            async with library.db.transaction() as tx:
                if moves and dir_id in await directory_store.upwards(tx, id, [parent_id]):
                    raise BadRequest(_NOT_CHANGED)
                await directory_store.update(tx, changed)
        except IntegrityError:
            raise BadRequest(_NOT_CHANGED) from None
    await _tell(library, "updated", user, changed)
    return changed


@router.post("/{id}/file/move")
async def move(id: str, data: FileForm, user: VerifiedUser, library: Library) -> Answer:
    await library.found(id, user, "write", service.STRICT, ours=True)
    if not await store.linked(library.db, id, [data.file_id]):
        raise NotFound()
    await directory_store.require(library.db, id, [data.directory_id], NO_TARGET)
    await store.move(library.db, id, data.file_id, data.directory_id)
    await library.tell("knowledge.file.moved", user, data.file_id, knowledge_id=id, directory_id=data.directory_id)
    return {"status": True}


async def _one(library: Library, knowledge_id: str, directory_id: str) -> Directory:
    row = await directory_store.get(library.db, knowledge_id, directory_id)
    if row is None:
        raise NotFound(messages.NOT_FOUND)
    return row


async def _tell(library: Library, what: str, user: VerifiedUser, row: Directory) -> None:
    data = {"knowledge_id": row.knowledge_id, "name": row.name, "parent_id": row.parent_id}
    await library.tell(f"knowledge.directory.{what}", user, row.id, **data)
