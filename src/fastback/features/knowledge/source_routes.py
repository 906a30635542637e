"""`/api/v1/knowledge/external`: trying what a question finds in somebody else's database, and knowledge proved so."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from fastback.access.guards import AdminUser
from fastback.features.knowledge import external, store
from fastback.features.knowledge.external import NO_CONNECTION, Connection, Connections
from fastback.features.knowledge.external_routes import NO_NAME
from fastback.features.knowledge.schemas import ExternalSourceForm, RetrieveForm, SourceForm, SourceTestForm
from fastback.features.knowledge.service import Answer, Library
from fastback.kit.http import BadRequest, NotFound, Router
from fastback.providers.asking import Asking, asking_of
from fastback.retrieval.contracts import RetrievalError
from fastback.retrieval.external.results import Target
from fastback.retrieval.external.search import ExternalSearch

router = Router("/api/v1/knowledge/external")


@router.post("/connections/{id}/retrieve-test")
async def try_connection(
    id: str, data: RetrieveForm, request: Request, user: AdminUser, connections: Connections, search: ExternalSearch
) -> Answer:
    connection = connections.get(id)
    source = data.source or SourceForm("test", config={"content_field": "payload.text"})
    return await _tried(search, connection, source, data.query, data.count, asking_of(request, user))


@router.post("/source/test")
async def try_source(
    data: SourceTestForm, request: Request, user: AdminUser, connections: Connections, search: ExternalSearch
) -> Answer:
    if data.connection_id:
        connection = external.changed(connections.get(data.connection_id, NO_CONNECTION), data.connection)
    else:
        connection = external.of_form(data.connection, user.id, "external-test")
    return await _tried(search, connection, data.source, data.query, data.count, asking_of(request, user))


async def _tried(
    search: ExternalSearch, connection: Connection, form: SourceForm, query: str, count: int, asking: Asking
) -> Answer:
    """What a question finds in a source: texts, metadata and scores, side by side.

    Raises:
        BadRequest: the source makes no sense, or its database cannot be asked.
    """
    if not query.strip():
        raise BadRequest("Test query is required.")
    source = external.checked_source(form, connection.get("provider"))
    target = Target(connection, source["name"], source["config"], "external-test", str(connection.get("name")))
    try:
        found = await search.search(target, [query.strip()], count, asking=asking)
    except RetrievalError as error:
        raise BadRequest(str(error)) from error
    return {
        "documents": [one.text for one in found],
        "metadatas": [one.metadata for one in found],
        "distances": [one.score for one in found],
    }


@router.post("/source/create")
async def create_source(
    data: ExternalSourceForm,
    request: Request,
    user: AdminUser,
    connections: Connections,
    library: Library,
    search: ExternalSearch,
) -> Answer:
    """A connection with its knowledge, once a question finds something in it."""
    if not data.name.strip():
        raise BadRequest(NO_NAME)
    connection = external.of_form(data.connection, user.id)
    source = await _proved(search, connection, data, asking_of(request, user))
    await connections.put(connection)
    try:
        meta = external.meta_of(connection, source)
        return await library.create(user, data.name.strip(), data.description, data.access_grants, meta)
    except BaseException:
        await connections.remove(connection["id"])
        raise


@router.patch("/source/{id}")
async def update_source(
    id: str,
    data: ExternalSourceForm,
    request: Request,
    user: AdminUser,
    connections: Connections,
    library: Library,
    search: ExternalSearch,
) -> Answer:
    """Grants in the form are not looked at: sharing has an operation of its own."""
    row = await store.get(library.db, id)
    if row is None or not row.is_external:
        raise NotFound()
    if not data.name.strip():
        raise BadRequest(NO_NAME)
    before = connections.get(row.external.get("connection_id"), NO_CONNECTION)
    connection = external.changed(before, data.connection)
    source = await _proved(search, connection, data, asking_of(request, user))
    meta = external.meta_of(connection, source)
    changed = await library.rename(id, user, data.name.strip(), data.description, meta=meta)
    if not changed:
        raise NotFound()
    await connections.put(connection)
    return await library.bare(id)


async def _proved(
    search: ExternalSearch, connection: Connection, data: ExternalSourceForm, asking: Asking
) -> dict[str, Any]:
    """The source of a form, whose test finds something. Raises: BadRequest."""
    source = external.checked_source(data.source, connection.get("provider"))
    found = await _tried(search, connection, data.source, data.test_query, data.test_count, asking)
    if not found["documents"]:
        raise BadRequest("Test query returned no results.")
    return source
