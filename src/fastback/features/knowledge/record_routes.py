"""`/api/v1/knowledge`: creating, reading, changing, sharing and deleting a knowledge."""

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
async def create_knowledge(data: KnowledgeForm, user: VerifiedUser, knowledge: KnowledgeService) -> JsonObject:
    """Create a knowledge. The path without `create` is our own."""
    if not await knowledge.access.has_any_permission(user, "workspace.knowledge"):
        raise Unauthorized(messages.UNAUTHORIZED)
    created = await knowledge.create_knowledge(user, data.name, data.description, data.access_grants)
    await knowledge.publish_event("knowledge.created", user, created["id"], name=data.name)
    return created


@router.get("/{id}")
async def get_knowledge(id: str, user: VerifiedUser, knowledge: KnowledgeService) -> JsonObject:
    row = await knowledge.get_knowledge(id, user, "read", service.ERRORS_404_401)
    write_access = await knowledge.access.is_allowed(user, KIND, row, "write")
    response = store.build_response(row, await knowledge.access.grants.list_grants(KIND, id))
    return {**response, "files": None, "write_access": write_access}


@router.post("/{id}/update")
async def update_knowledge(id: str, data: KnowledgeForm, user: VerifiedUser, knowledge: KnowledgeService) -> JsonObject:
    """Change name and description. Grants in the form are ignored: sharing has its own operation."""
    await knowledge.get_knowledge(id, user, "write", service.ERRORS_400_400)
    await knowledge.rename_knowledge(id, user, data.name, data.description)
    row = await knowledge.get_knowledge(id, user, "write", service.ERRORS_400_400)
    await knowledge.publish_event("knowledge.updated", user, id, name=row.name)
    return await knowledge.build_response_with_files(row)


@router.post("/{id}/access/update")
async def update_access(id: str, data: AccessForm, user: VerifiedUser, knowledge: KnowledgeService) -> JsonObject:
    row = await knowledge.get_knowledge(id, user, "write", service.ERRORS_404_400)
    grants = await knowledge.access.replace_grants(user, KIND, id, data.access_grants)
    await knowledge.publish_event("knowledge.access_updated", user, id, name=row.name)
    return await knowledge.build_response_with_files(row, grants)


@router.delete("/{id}/delete")
async def delete_knowledge(
    id: str, user: VerifiedUser, knowledge: KnowledgeService, connections: ExternalConnections
) -> bool:
    row = await knowledge.get_knowledge(id, user, "write", service.ERRORS_400_400)
    await knowledge.delete_knowledge(row, user)
    if row.is_external and user.is_admin:
        # Only administrators manage connections: the last knowledge of a connection takes it along.
        await connections.remove_if_unused(row.external.get("connection_id"))
    return True
