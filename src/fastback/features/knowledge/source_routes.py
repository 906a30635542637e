"""`/api/v1/knowledge/external`: testing sources in external databases, and creating knowledge on tested ones."""

from __future__ import annotations

from starlette.requests import Request

from fastback.access.guards import AdminUser
from fastback.features.knowledge import external_connections
from fastback.features.knowledge.external_connections import NO_CONNECTION, ExternalConnections
from fastback.features.knowledge.schemas import ExternalSourceForm, RetrieveForm, SourceForm, SourceTestForm
from fastback.features.knowledge.service import JsonObject
from fastback.features.knowledge.sources import ExternalSources
from fastback.kit.http import Router
from fastback.providers.request_context import build_request_context

router = Router("/api/v1/knowledge/external")


@router.post("/connections/{id}/retrieve-test")
async def test_connection(
    id: str,
    data: RetrieveForm,
    request: Request,
    user: AdminUser,
    connections: ExternalConnections,
    sources: ExternalSources,
) -> JsonObject:
    connection = connections.get_connection(id)
    source = data.source or SourceForm("test", config={"content_field": "payload.text"})
    return await sources.query_source(connection, source, data.query, data.count, build_request_context(request, user))


@router.post("/source/test")
async def test_source(
    data: SourceTestForm, request: Request, user: AdminUser, connections: ExternalConnections, sources: ExternalSources
) -> JsonObject:
    if data.connection_id:
        connection = external_connections.update_connection(
            connections.get_connection(data.connection_id, NO_CONNECTION), data.connection
        )
    else:
        connection = external_connections.create_connection(data.connection, user.id, "external-test")
    return await sources.query_source(
        connection, data.source, data.query, data.count, build_request_context(request, user)
    )


@router.post("/source/create")
async def create_source(
    data: ExternalSourceForm, request: Request, user: AdminUser, sources: ExternalSources
) -> JsonObject:
    """Create a connection with its knowledge, if a test query finds something in it."""
    return await sources.create_knowledge(data, user, build_request_context(request, user))


@router.patch("/source/{id}")
async def update_source(
    id: str, data: ExternalSourceForm, request: Request, user: AdminUser, sources: ExternalSources
) -> JsonObject:
    """Change the connection and source of a knowledge. Grants in the form are ignored: another route shares."""
    return await sources.update_knowledge(id, data, user, build_request_context(request, user))
