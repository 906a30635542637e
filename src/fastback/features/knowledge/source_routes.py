"""`/api/v1/knowledge/external`: trying what a question finds in somebody else's database, and knowledge proved so."""

from __future__ import annotations

from starlette.requests import Request

from fastback.access.guards import AdminUser
from fastback.features.knowledge import external_connections
from fastback.features.knowledge.external_connections import NO_CONNECTION, Connections
from fastback.features.knowledge.schemas import ExternalSourceForm, RetrieveForm, SourceForm, SourceTestForm
from fastback.features.knowledge.service import Answer
from fastback.features.knowledge.sources import Sources
from fastback.kit.http import Router
from fastback.providers.request_context import build_request_context

router = Router("/api/v1/knowledge/external")


@router.post("/connections/{id}/retrieve-test")
async def try_connection(
    id: str, data: RetrieveForm, request: Request, user: AdminUser, connections: Connections, sources: Sources
) -> Answer:
    connection = connections.get(id)
    source = data.source or SourceForm("test", config={"content_field": "payload.text"})
    return await sources.tried(connection, source, data.query, data.count, build_request_context(request, user))


@router.post("/source/test")
async def try_source(
    data: SourceTestForm, request: Request, user: AdminUser, connections: Connections, sources: Sources
) -> Answer:
    if data.connection_id:
        connection = external_connections.changed(connections.get(data.connection_id, NO_CONNECTION), data.connection)
    else:
        connection = external_connections.of_form(data.connection, user.id, "external-test")
    return await sources.tried(connection, data.source, data.query, data.count, build_request_context(request, user))


@router.post("/source/create")
async def create_source(data: ExternalSourceForm, request: Request, user: AdminUser, sources: Sources) -> Answer:
    """A connection with its knowledge, once a question finds something in it."""
    return await sources.create(data, user, build_request_context(request, user))


@router.patch("/source/{id}")
async def update_source(
    id: str, data: ExternalSourceForm, request: Request, user: AdminUser, sources: Sources
) -> Answer:
    """Grants in the form are not looked at: sharing has an operation of its own."""
    return await sources.change(id, data, user, build_request_context(request, user))
