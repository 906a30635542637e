"""Search of knowledge in external databases."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from typing import Any

import aiohttp

from fastback.providers.request_context import RequestContext
from fastback.retrieval.external import milvus, pgvector, qdrant
from fastback.retrieval.external.results import ExternalHit, SearchTarget
from fastback.retrieval.interfaces import Embedder, RetrievalError, Vector


def unpack_vector(vector: Vector) -> list[float]:
    """Return the numbers of a vector."""
    numbers = array("f")
    numbers.frombytes(vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()


class ExternalSearch:
    """Embeds questions with our own engine, and searches external databases."""

    def __init__(self, embedder: Embedder, client: aiohttp.ClientSession) -> None:
        self._embedder = embedder
        self._client = client

    async def search_target(
        self, target: SearchTarget, queries: Sequence[str], count: int, *, ctx: RequestContext | None = None
    ) -> list[ExternalHit]:
        """Return the first `count` hits of the questions, one question after the other.

        Raises:
            RetrievalError: the connection is disabled or unknown, or the request failed.
        """
        if not target.connection.get("enabled", True):
            raise RetrievalError("External knowledge connection is disabled")
        if not target.collection:
            raise RetrievalError("External source collection is not configured")
        limit = max(count, 1)
        results: list[ExternalHit] = []
        for vector in await self._embedder.embed_queries(queries, ctx=ctx):
            results += await self._search_provider(target, unpack_vector(vector), limit)
        return results[:limit]

    async def _search_provider(self, target: SearchTarget, vector: list[float], limit: int) -> list[ExternalHit]:
        provider: Any = target.connection.get("provider")
        if provider == "qdrant":
            return await qdrant.search_points(self._client, target, vector, limit)
        if provider == "milvus":
            return await milvus.search_entities(self._client, target, vector, limit)
        if provider == "pgvector":
            return await pgvector.search_rows(target, vector, limit)
        raise RetrievalError(f"Unsupported external knowledge provider: {provider}")
