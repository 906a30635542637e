"""Knowledge in external databases: test queries, and knowledge whose source has passed one."""

from __future__ import annotations

from typing import Any

from fastback.access.identity import User
from fastback.features.knowledge import external_connections, store
from fastback.features.knowledge.external_connections import NO_CONNECTION, NO_NAME, Connection, ExternalConnections
from fastback.features.knowledge.schemas import ExternalSourceForm, SourceForm
from fastback.features.knowledge.service import JsonObject, KnowledgeService
from fastback.kit.http import BadRequest, NotFound
from fastback.providers.request_context import RequestContext
from fastback.retrieval.external.results import SearchTarget
from fastback.retrieval.external.search import ExternalSearch
from fastback.retrieval.interfaces import RetrievalError


class ExternalSources:
    """Tests sources, and stores those in which a query found something."""

    def __init__(self, connections: ExternalConnections, knowledge: KnowledgeService, search: ExternalSearch) -> None:
        self._connections = connections
        self._knowledge = knowledge
        self._search = search

    async def query_source(
        self, connection: Connection, form: SourceForm, query: str, count: int, ctx: RequestContext
    ) -> JsonObject:
        """Search a source. Return texts, metadata and scores as parallel lists.

        Raises:
            BadRequest: the source is invalid, or its database failed.
        """
        if not query.strip():
            raise BadRequest("Test query is required.")
        source = external_connections.check_source(form, connection.get("provider"))
        target = SearchTarget(
            connection, source["name"], source["config"], "external-test", str(connection.get("name"))
        )
        try:
            hits = await self._search.search_target(target, [query.strip()], count, ctx=ctx)
        except RetrievalError as error:
            raise BadRequest(str(error)) from error
        return {
            "documents": [hit.text for hit in hits],
            "metadatas": [hit.metadata for hit in hits],
            "distances": [hit.score for hit in hits],
        }

    async def create_knowledge(self, data: ExternalSourceForm, user: User, ctx: RequestContext) -> JsonObject:
        """Create a connection and its knowledge.

        Raises:
            BadRequest: the form is invalid, or the test query found nothing.
        """
        _require_name(data)
        connection = external_connections.create_connection(data.connection, user.id)
        meta = await self._build_verified_meta(connection, data, ctx)
        await self._connections.save_connection(connection)
        try:
            return await self._knowledge.create_knowledge(
                user, data.name.strip(), data.description, data.access_grants, meta
            )
        except BaseException:
            await self._connections.remove_connection(connection["id"])
            raise

    async def update_knowledge(
        self, knowledge_id: str, data: ExternalSourceForm, user: User, ctx: RequestContext
    ) -> JsonObject:
        """Change connection and source of a knowledge; its grants remain.

        Raises:
            NotFound: there is no such knowledge, or it is not external.
            BadRequest: the form is invalid, or the test query found nothing.
        """
        row = await store.find_knowledge(self._knowledge.db, knowledge_id)
        if row is None or not row.is_external:
            raise NotFound()
        _require_name(data)
        existing = self._connections.get_connection(row.external.get("connection_id"), NO_CONNECTION)
        connection = external_connections.update_connection(existing, data.connection)
        meta = await self._build_verified_meta(connection, data, ctx)
        if not await self._knowledge.rename_knowledge(
            knowledge_id, user, data.name.strip(), data.description, meta=meta
        ):
            raise NotFound()
        await self._connections.save_connection(connection)
        return await self._knowledge.build_response(knowledge_id)

    async def _build_verified_meta(
        self, connection: Connection, data: ExternalSourceForm, ctx: RequestContext
    ) -> dict[str, Any]:
        """Return the meta of a knowledge in a source in which the form's query finds something.

        Raises:
            BadRequest: it finds nothing.
        """
        source = external_connections.check_source(data.source, connection.get("provider"))
        result = await self.query_source(connection, data.source, data.test_query, data.test_count, ctx)
        if not result["documents"]:
            raise BadRequest("Test query returned no results.")
        return external_connections.build_meta(connection, source)


def _require_name(data: ExternalSourceForm) -> None:
    if not data.name.strip():
        raise BadRequest(NO_NAME)
