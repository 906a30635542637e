"""Knowledge in somebody else's database: what a question finds there, and knowledge that was proved so."""

from __future__ import annotations

from typing import Any

from fastback.access.identity import User
from fastback.features.knowledge import external_connections, store
from fastback.features.knowledge.external_connections import NO_CONNECTION, NO_NAME, Connection, Connections
from fastback.features.knowledge.schemas import ExternalSourceForm, SourceForm
from fastback.features.knowledge.service import Answer, Library
from fastback.kit.http import BadRequest, NotFound
from fastback.providers.request_context import RequestContext
from fastback.retrieval.external.results import Target
from fastback.retrieval.external.search import ExternalSearch
from fastback.retrieval.interfaces import RetrievalError


class Sources:
    """Tries sources, and keeps those that something was found in."""

    def __init__(self, connections: Connections, library: Library, search: ExternalSearch) -> None:
        self._connections = connections
        self._library = library
        self._search = search

    async def tried(
        self, connection: Connection, form: SourceForm, query: str, count: int, ctx: RequestContext
    ) -> Answer:
        """What a question finds in a source: texts, metadata and scores, side by side.

        Raises:
            BadRequest: the source makes no sense, or its database cannot be asked.
        """
        if not query.strip():
            raise BadRequest("Test query is required.")
        source = external_connections.checked_source(form, connection.get("provider"))
        target = Target(connection, source["name"], source["config"], "external-test", str(connection.get("name")))
        try:
            found = await self._search.search(target, [query.strip()], count, ctx=ctx)
        except RetrievalError as error:
            raise BadRequest(str(error)) from error
        return {
            "documents": [one.text for one in found],
            "metadatas": [one.metadata for one in found],
            "distances": [one.score for one in found],
        }

    async def create(self, data: ExternalSourceForm, user: User, ctx: RequestContext) -> Answer:
        """A new connection with its knowledge. Raises: BadRequest."""
        _check_name(data)
        connection = external_connections.of_form(data.connection, user.id)
        meta = await self._proved(connection, data, ctx)
        await self._connections.put(connection)
        try:
            return await self._library.create(user, data.name.strip(), data.description, data.access_grants, meta)
        except BaseException:
            await self._connections.remove(connection["id"])
            raise

    async def change(self, knowledge_id: str, data: ExternalSourceForm, user: User, ctx: RequestContext) -> Answer:
        """Another connection or source of a knowledge; its grants stay.

        Raises:
            NotFound: it is not there, or lies with us. BadRequest.
        """
        row = await store.get(self._library.db, knowledge_id)
        if row is None or not row.is_external:
            raise NotFound()
        _check_name(data)
        before = self._connections.get(row.external.get("connection_id"), NO_CONNECTION)
        connection = external_connections.changed(before, data.connection)
        meta = await self._proved(connection, data, ctx)
        if not await self._library.rename(knowledge_id, user, data.name.strip(), data.description, meta=meta):
            raise NotFound()
        await self._connections.put(connection)
        return await self._library.bare(knowledge_id)

    async def _proved(self, connection: Connection, data: ExternalSourceForm, ctx: RequestContext) -> dict[str, Any]:
        """The meta of knowledge in a source in which the form's question finds something. Raises: BadRequest."""
        source = external_connections.checked_source(data.source, connection.get("provider"))
        found = await self.tried(connection, data.source, data.test_query, data.test_count, ctx)
        if not found["documents"]:
            raise BadRequest("Test query returned no results.")
        return external_connections.meta_of(connection, source)


def _check_name(data: ExternalSourceForm) -> None:
    if not data.name.strip():
        raise BadRequest(NO_NAME)
