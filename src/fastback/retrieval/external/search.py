"""Searching knowledge that lies elsewhere."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from typing import Any

import aiohttp

from fastback.providers.request_context import RequestContext
from fastback.retrieval.external import milvus, pgvector, qdrant
from fastback.retrieval.external.results import Found, Target
from fastback.retrieval.interfaces import Embedder, RetrievalError, Vector


def floats(vector: Vector) -> list[float]:
    """A vector as a list of numbers."""
    found = array("f")
    found.frombytes(vector)
    if sys.byteorder == "big":
        found.byteswap()
    return found.tolist()


class ExternalSearch:
    """Embeds questions with our own engine, and asks the databases of others."""

    def __init__(self, embedder: Embedder, client: aiohttp.ClientSession) -> None:
        self._embedder = embedder
        self._client = client

    async def search(
        self, target: Target, queries: Sequence[str], count: int, *, ctx: RequestContext | None = None
    ) -> list[Found]:
        """The first `count` of what the questions find, one question after the other.

        Raises:
            RetrievalError: the connection is switched off, unknown, cannot be reached, or refuses.
        """
        if not target.connection.get("enabled", True):
            raise RetrievalError("External knowledge connection is disabled")
        if not target.collection:
            raise RetrievalError("External source collection is not configured")
        limit = max(count, 1)
        results: list[Found] = []
        for vector in await self._embedder.embed_queries(queries, ctx=ctx):
            results += await self._one(target, floats(vector), limit)
        return results[:limit]

    async def _one(self, target: Target, vector: list[float], limit: int) -> list[Found]:
        provider: Any = target.connection.get("provider")
        if provider == "qdrant":
            return await qdrant.search(self._client, target, vector, limit)
        if provider == "milvus":
            return await milvus.search(self._client, target, vector, limit)
        if provider == "pgvector":
            return await pgvector.search(target, vector, limit)
        raise RetrievalError(f"Unsupported external knowledge provider: {provider}")
