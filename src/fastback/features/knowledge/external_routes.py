"""`/api/v1/knowledge/external`: connections to external vector databases, and knowledge on an existing connection."""

from __future__ import annotations

import time

from fastback.access.guards import AdminUser
from fastback.access.identity import User
from fastback.features.knowledge import external_connections, store
from fastback.features.knowledge.external_connections import NO_NAME, Connection, ExternalConnections
from fastback.features.knowledge.schemas import ConnectionForm, ExternalKnowledgeForm
from fastback.features.knowledge.service import JsonObject, KnowledgeService
from fastback.kit.http import BadRequest, Router

router = Router("/api/v1/knowledge/external")


@router.get("/connections")
async def list_connections(user: AdminUser, connections: ExternalConnections) -> JsonObject:
    items = [external_connections.hide_secrets(connection) for connection in connections.list_connections()]
    return {"items": items, "total": len(items)}


@router.post("/connections")
async def create_connection(
    data: ConnectionForm, user: AdminUser, connections: ExternalConnections, knowledge: KnowledgeService
) -> Connection:
    connection = external_connections.create_connection(data, user.id)
    await connections.save_connection(connection)
    await _publish_event(knowledge, "created", user, connection)
    return external_connections.hide_secrets(connection)


@router.get("/connections/{id}")
async def get_connection(id: str, user: AdminUser, connections: ExternalConnections) -> Connection:
    return external_connections.hide_secrets(connections.get_connection(id))


@router.patch("/connections/{id}")
async def update_connection(
    id: str, data: ConnectionForm, user: AdminUser, connections: ExternalConnections, knowledge: KnowledgeService
) -> Connection:
    changed = external_connections.update_connection(connections.get_connection(id), data)
    await connections.save_connection(changed)
    await _publish_event(knowledge, "updated", user, changed)
    return external_connections.hide_secrets(changed)


@router.delete("/connections/{id}")
async def delete_connection(
    id: str, user: AdminUser, connections: ExternalConnections, knowledge: KnowledgeService
) -> bool:
    connection = connections.get_connection(id)
    if await store.count_by_connection(knowledge.db, id):
        raise BadRequest("External connection is still used by knowledge bases.")
    await connections.remove_connection(id)
    await _publish_event(knowledge, "deleted", user, connection)
    return True


@router.post("/connections/{id}/test")
async def test_connection(id: str, user: AdminUser, connections: ExternalConnections) -> JsonObject:
    """Check that a connection is enabled and has an address; nothing is sent to it."""
    connection = connections.get_connection(id)
    now = int(time.time())
    health = {
        "ok": bool(connection.get("enabled") and connection.get("endpoint")),
        "provider": connection.get("provider"),
        "checked_at": now,
    }
    await connections.save_connection({**connection, "health": health, "updated_at": now})
    return health


async def _publish_event(knowledge: KnowledgeService, action: str, user: User, connection: Connection) -> None:
    data = {"name": connection.get("name"), "provider": connection.get("provider")}
    await knowledge.publish_event(f"knowledge.external_connection.{action}", user, str(connection.get("id")), **data)


@router.post("/knowledge/create")
async def create_knowledge(
    data: ExternalKnowledgeForm, user: AdminUser, connections: ExternalConnections, knowledge: KnowledgeService
) -> JsonObject:
    """Create a knowledge on an existing connection."""
    connection = connections.get_connection(data.connection_id)
    if not data.name.strip():
        raise BadRequest(NO_NAME)
    source = external_connections.check_source(data.source, connection.get("provider"))
    meta = external_connections.build_meta(connection, source)
    return await knowledge.create_knowledge(user, data.name.strip(), data.description, data.access_grants, meta)
