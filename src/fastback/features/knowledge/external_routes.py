"""`/api/v1/knowledge/external`: connections to vector databases of others, and knowledge of one that is there."""

from __future__ import annotations

import time

from fastback.access.guards import AdminUser
from fastback.access.identity import User
from fastback.features.knowledge import external_connections, store
from fastback.features.knowledge.external_connections import NO_NAME, Connection, Connections
from fastback.features.knowledge.schemas import ConnectionForm, ExternalKnowledgeForm
from fastback.features.knowledge.service import Answer, Library
from fastback.kit.http import BadRequest, Router

router = Router("/api/v1/knowledge/external")


@router.get("/connections")
async def page(user: AdminUser, connections: Connections) -> Answer:
    items = [external_connections.shown(one) for one in connections.all()]
    return {"items": items, "total": len(items)}


@router.post("/connections")
async def create(data: ConnectionForm, user: AdminUser, connections: Connections, library: Library) -> Connection:
    made = external_connections.of_form(data, user.id)
    await connections.put(made)
    await _tell(library, "created", user, made)
    return external_connections.shown(made)


@router.get("/connections/{id}")
async def one(id: str, user: AdminUser, connections: Connections) -> Connection:
    return external_connections.shown(connections.get(id))


@router.patch("/connections/{id}")
async def update(
    id: str, data: ConnectionForm, user: AdminUser, connections: Connections, library: Library
) -> Connection:
    changed = external_connections.changed(connections.get(id), data)
    await connections.put(changed)
    await _tell(library, "updated", user, changed)
    return external_connections.shown(changed)


@router.delete("/connections/{id}")
async def delete(id: str, user: AdminUser, connections: Connections, library: Library) -> bool:
    connection = connections.get(id)
    if await store.of_connection(library.db, id):
        raise BadRequest("External connection is still used by knowledge bases.")
    await connections.remove(id)
    await _tell(library, "deleted", user, connection)
    return True


@router.post("/connections/{id}/test")
async def check(id: str, user: AdminUser, connections: Connections) -> Answer:
    """Whether a connection is switched on and has an address; it is not asked."""
    connection = connections.get(id)
    now = int(time.time())
    health = {
        "ok": bool(connection.get("enabled") and connection.get("endpoint")),
        "provider": connection.get("provider"),
        "checked_at": now,
    }
    await connections.put({**connection, "health": health, "updated_at": now})
    return health


async def _tell(library: Library, what: str, user: User, connection: Connection) -> None:
    data = {"name": connection.get("name"), "provider": connection.get("provider")}
    await library.tell(f"knowledge.external_connection.{what}", user, str(connection.get("id")), **data)


@router.post("/knowledge/create")
async def create_knowledge(
    data: ExternalKnowledgeForm, user: AdminUser, connections: Connections, library: Library
) -> Answer:
    """Knowledge of a connection that is there."""
    connection = connections.get(data.connection_id)
    if not data.name.strip():
        raise BadRequest(NO_NAME)
    source = external_connections.checked_source(data.source, connection.get("provider"))
    meta = external_connections.meta_of(connection, source)
    return await library.create(user, data.name.strip(), data.description, data.access_grants, meta)
