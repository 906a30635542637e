"""Sources outside of this server: pages of the web, and knowledge in databases of others."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from fastback.completions.sources.items import Item, find_nested
from fastback.completions.sources.passages import Source
from fastback.features.knowledge.external_connections import ExternalConnections
from fastback.kit.http.errors import HttpError
from fastback.providers.request_context import RequestContext
from fastback.retrieval.external.results import SearchTarget
from fastback.retrieval.external.search import ExternalSearch
from fastback.retrieval.interfaces import RetrievalError
from fastback.retrieval.web.pages import PageReader
from fastback.retrieval.web.search_request import SearchFailed

log = logging.getLogger("fastback.completions")


class ExternalKnowledge(msgspec.Struct):
    """A knowledge whose passages are in an external database."""

    id: str
    name: str
    meta: dict[str, Any]


class ExternalSources:
    """Read web pages and search external databases. A failure is logged, and the answer does without the source."""

    def __init__(self, *, pages: PageReader, search: ExternalSearch, connections: ExternalConnections) -> None:
        self._pages = pages
        self._search = search
        self._connections = connections

    async def read_page(self, item: Item, url: str, ctx: RequestContext) -> Source | None:
        """Return the text at an address; None where the page is empty or cannot be read."""
        try:
            documents = await self._pages.read_url(url, ctx)
        except (RetrievalError, SearchFailed) as error:
            log.warning("reading the page %s failed, the answer does without: %s", url, error)
            return None
        text = " ".join(document.text for document in documents)
        return Source(item, [text], [{"url": url, "name": url}]) if text.strip() else None

    async def search_knowledge(
        self, item: Item, knowledge: ExternalKnowledge, queries: list[str], limit: int, ctx: RequestContext
    ) -> Source | None:
        """Return what queries match in an external database; None where it cannot be searched."""
        try:
            hits = await self._search.search_target(self._find_target(knowledge), queries, limit, ctx=ctx)
        except (RetrievalError, HttpError) as error:
            log.warning("searching the external knowledge %s failed, the answer does without: %s", knowledge.id, error)
            return None
        scores = [hit.score for hit in hits if hit.score is not None]
        distances = scores if len(scores) == len(hits) else None
        return Source(item, [hit.text for hit in hits], [hit.metadata for hit in hits], distances)

    def _find_target(self, knowledge: ExternalKnowledge) -> SearchTarget:
        """Return the database and the collection to search.

        Raises:
            NotFound: the connection is gone.
        """
        connection = self._connections.get_connection(find_nested(knowledge.meta, "external", "connection_id"))
        source = find_nested(knowledge.meta, "external", "source") or {}
        name, fields = find_nested(source, "name"), find_nested(source, "config")
        return SearchTarget(
            connection, str(name or ""), fields if isinstance(fields, dict) else {}, knowledge.id, knowledge.name
        )
