"""`/api/v1/knowledge`: making, reading, changing, sharing and deleting a knowledge."""

from __future__ import annotations

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.features.knowledge import service, store
from fastback.features.knowledge.external_connections import ExternalConnections
from fastback.features.knowledge.schemas import AccessForm, KnowledgeForm
from fastback.features.knowledge.service import KIND, JsonObject, KnowledgeService
from fastback.kit.http import Router, Unauthorized

router = Router("/api/v1/knowledge")


@router.post("/create", "")
async def create_knowledge(data: KnowledgeForm, user: VerifiedUser, library: KnowledgeService) -> JsonObject:
    """The path without `create` is our own."""
    if not await library.access.has_any_permission(user, "workspace.knowledge"):
        raise Unauthorized(messages.UNAUTHORIZED)
    knowledge = await library.create_knowledge(user, data.name, data.description, data.access_grants)
    await library.publish("knowledge.created", user, knowledge["id"], name=data.name)
    return knowledge


@router.get("/{id}")
async def get_knowledge(id: str, user: VerifiedUser, library: KnowledgeService) -> JsonObject:
    row = await library.get_knowledge(id, user, "read", service.ERRORS_404_401)
    write_access = await library.access.is_allowed(user, KIND, row, "write")
    response = store.build_response(row, await library.access.grants.list_grants(KIND, id))
    return {**response, "files": None, "write_access": write_access}


@router.post("/{id}/update")
async def update_knowledge(id: str, data: KnowledgeForm, user: VerifiedUser, library: KnowledgeService) -> JsonObject:
    """Grants in the form are not looked at: sharing has an operation of its own."""
    await library.get_knowledge(id, user, "write", service.ERRORS_400_400)
    await library.rename_knowledge(id, user, data.name, data.description)
    row = await library.get_knowledge(id, user, "write", service.ERRORS_400_400)
    await library.publish("knowledge.updated", user, id, name=row.name)
    return await library.build_response_with_files(row)


@router.post("/{id}/access/update")
async def update_access(id: str, data: AccessForm, user: VerifiedUser, library: KnowledgeService) -> JsonObject:
    row = await library.get_knowledge(id, user, "write", service.ERRORS_404_400)
    grants = await library.access.replace_grants(user, KIND, id, data.access_grants)
    await library.publish("knowledge.access_updated", user, id, name=row.name)
    return await library.build_response_with_files(row, grants)


@router.delete("/{id}/delete")
async def delete_knowledge(
    id: str, user: VerifiedUser, library: KnowledgeService, connections: ExternalConnections
) -> bool:
    row = await library.get_knowledge(id, user, "write", service.ERRORS_400_400)
    await library.delete_knowledge(row, user)
    if row.is_external and user.is_admin:
        # Connections are the administrators': one that nobody needs any more goes along.
        await connections.remove_if_unused(row.external.get("connection_id"))
    return True
