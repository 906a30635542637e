"""`/api/v1/knowledge`: making, reading, changing, sharing and deleting a knowledge."""

from __future__ import annotations

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.features.knowledge import service, store
from fastback.features.knowledge.external_connections import Connections
from fastback.features.knowledge.schemas import AccessForm, KnowledgeForm
from fastback.features.knowledge.service import KIND, Answer, Library
from fastback.kit.http import Router, Unauthorized

router = Router("/api/v1/knowledge")


@router.post("/create", "")
async def create(data: KnowledgeForm, user: VerifiedUser, library: Library) -> Answer:
    """The path without `create` is our own."""
    if not await library.owned.has_any_permission(user, "workspace.knowledge"):
        raise Unauthorized(messages.UNAUTHORIZED)
    made = await library.create(user, data.name, data.description, data.access_grants)
    await library.tell("knowledge.created", user, made["id"], name=data.name)
    return made


@router.get("/{id}")
async def one(id: str, user: VerifiedUser, library: Library) -> Answer:
    row = await library.found(id, user, "read", service.SHOWN)
    write = await library.owned.is_allowed(user, KIND, row, "write")
    shown = store.answer(row, await library.owned.grants.list_grants(KIND, id))
    return {**shown, "files": None, "write_access": write}


@router.post("/{id}/update")
async def update(id: str, data: KnowledgeForm, user: VerifiedUser, library: Library) -> Answer:
    """Grants in the form are not looked at: sharing has an operation of its own."""
    await library.found(id, user, "write", service.PLAIN)
    await library.rename(id, user, data.name, data.description)
    row = await library.found(id, user, "write", service.PLAIN)
    await library.tell("knowledge.updated", user, id, name=row.name)
    return await library.with_files(row)


@router.post("/{id}/access/update")
async def set_access(id: str, data: AccessForm, user: VerifiedUser, library: Library) -> Answer:
    row = await library.found(id, user, "write", service.NAMED)
    grants = await library.owned.replace_grants(user, KIND, id, data.access_grants)
    await library.tell("knowledge.access_updated", user, id, name=row.name)
    return await library.with_files(row, grants)


@router.delete("/{id}/delete")
async def delete(id: str, user: VerifiedUser, library: Library, connections: Connections) -> bool:
    row = await library.found(id, user, "write", service.PLAIN)
    await library.delete(row, user)
    if row.is_external and user.is_admin:
        # Connections are the administrators': one that nobody needs any more goes along.
        await connections.drop_unused(row.external.get("connection_id"))
    return True
