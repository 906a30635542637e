"""What items refer to that lies elsewhere: pages of the web, knowledge in databases of others."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from fastback.completions.sources.items import Item, inner
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


class ForeignKnowledge(msgspec.Struct):
    """A knowledge whose passages a foreign database holds."""

    id: str
    name: str
    meta: dict[str, Any]


class Elsewhere:
    """Asks others. What they don't answer is missing, and the answer does without."""

    def __init__(self, pages: PageReader, search: ExternalSearch, connections: ExternalConnections) -> None:
        self._pages = pages
        self._search = search
        self._connections = connections

    async def page(self, item: Item, url: str, ctx: RequestContext) -> Source | None:
        """The text at an address; None where nothing can be read."""
        try:
            documents = await self._pages.read_url(url, ctx)
        except (RetrievalError, SearchFailed) as error:
            log.warning("nothing was read at %s: %s", url, error)
            return None
        text = " ".join(one.text for one in documents)
        return Source(item, [text], [{"url": url, "name": url}]) if text.strip() else None

    async def knowledge(
        self, item: Item, knowledge: ForeignKnowledge, queries: list[str], limit: int, ctx: RequestContext
    ) -> Source | None:
        """What questions find in a foreign database; None where it cannot be asked."""
        try:
            found = await self._search.search_target(self._target(knowledge), queries, limit, ctx=ctx)
        except (RetrievalError, HttpError) as error:
            log.warning("knowledge %s cannot be asked: %s", knowledge.id, error)
            return None
        scores = [one.score for one in found if one.score is not None]
        distances = scores if len(scores) == len(found) else None
        return Source(item, [one.text for one in found], [one.metadata for one in found], distances)

    def _target(self, knowledge: ForeignKnowledge) -> SearchTarget:
        """Raises: NotFound: the connection is gone."""
        connection = self._connections.get_connection(inner(knowledge.meta, "external", "connection_id"))
        source = inner(knowledge.meta, "external", "source")
        name, fields = inner(source or {}, "name"), inner(source or {}, "config")
        return SearchTarget(
            connection, str(name or ""), fields if isinstance(fields, dict) else {}, knowledge.id, knowledge.name
        )
