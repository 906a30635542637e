"""The collections of vectors, whichever store the server uses."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not, call_server
from fastback.plugin_host.open_webui.retrieval.vector.main import GetResult, SearchResult
from fastback.plugin_host.record_models import dump_form


class AsyncVectorDBClient:
    """Search and change collections."""

    @awaited_or_not
    async def has_collection(self, collection_name: str) -> Any:
        return await call_server("vectors.has_collection", name=collection_name)

    @awaited_or_not
    async def delete_collection(self, collection_name: str) -> Any:
        await call_server("vectors.drop_collection", name=collection_name)

    @awaited_or_not
    async def insert(self, collection_name: str, items: list[Any]) -> Any:
        await call_server("vectors.upsert", name=collection_name, items=[dump_form(item) for item in items])

    @awaited_or_not
    async def upsert(self, collection_name: str, items: list[Any]) -> Any:
        await call_server("vectors.upsert", name=collection_name, items=[dump_form(item) for item in items])

    @awaited_or_not
    async def search(
        self,
        collection_name: str,
        vectors: list[list[float]],
        filter: dict[str, Any] | None = None,
        limit: int = 10,
    ) -> Any:
        """Return the nearest chunks of each vector; None where there is no such collection."""
        if not await call_server("vectors.has_collection", name=collection_name):
            return None
        numbers = [[float(number) for number in vector] for vector in vectors]
        result = await call_server(
            "vectors.search", name=collection_name, vectors=numbers, limit=limit or 10, where=filter
        )
        return SearchResult.model_validate(result)

    @awaited_or_not
    async def query(self, collection_name: str, filter: dict[str, Any], limit: int | None = None) -> Any:
        """Return the chunks whose metadata match; None where there is no such collection."""
        if not await call_server("vectors.has_collection", name=collection_name):
            return None
        result = await call_server("vectors.find_chunks", name=collection_name, where=filter, limit=limit)
        return GetResult.model_validate(result)

    @awaited_or_not
    async def get(self, collection_name: str) -> Any:
        """Return all chunks of a collection, or None."""
        return await self.query(collection_name, {})

    @awaited_or_not
    async def delete(
        self, collection_name: str, ids: list[str] | None = None, filter: dict[str, Any] | None = None
    ) -> Any:
        await call_server("vectors.delete_chunks", name=collection_name, ids=ids, where=filter)


ASYNC_VECTOR_DB_CLIENT = AsyncVectorDBClient()
