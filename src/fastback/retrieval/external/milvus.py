"""Milvus, over its REST interface (version 2)."""

from __future__ import annotations

from typing import Any

import aiohttp

from fastback.retrieval.external.http import ask
from fastback.retrieval.external.results import Found, Target, found
from fastback.retrieval.interfaces import RetrievalError


async def search(client: aiohttp.ClientSession, target: Target, vector: list[float], limit: int) -> list[Found]:
    """The entities nearest to a vector. Raises: RetrievalError."""
    paths = {
        "content": target.field("content_field", "data.text"),
        "metadata": target.field("metadata_field", "metadata"),
        "document_id": target.field("document_id_field", "id"),
    }
    vector_field = target.field("vector_field", "vector")
    wanted = {path.split(".", 1)[0] for path in paths.values()} - {vector_field}
    body: dict[str, Any] = {
        "collectionName": target.collection,
        "data": [vector],
        "annsField": vector_field,
        "limit": limit,
        "outputFields": sorted(wanted if target.fields.get("document_id_field") else wanted - {"id"}),
    }
    if target.config.get("db_name"):
        body["dbName"] = target.config["db_name"]
    token = target.auth.get("api_key") or target.auth.get("token")
    answer = await ask(
        client,
        f"{target.endpoint}/v2/vectordb/entities/search",
        body,
        {"authorization": f"Bearer {token}"} if token else {},
        target.timeout,
    )
    if answer.get("code") not in (0, 200, None):
        raise RetrievalError(f"Milvus refuses: {answer.get('message') or answer.get('code')}")
    hits = answer.get("data")
    return [found(one, target, paths, one.get("distance")) for one in hits or [] if isinstance(one, dict)]
