"""Qdrant, over its REST interface."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import aiohttp

from fastback.retrieval.external.http import ask
from fastback.retrieval.external.results import Found, Target, found


async def search(client: aiohttp.ClientSession, target: Target, vector: list[float], limit: int) -> list[Found]:
    """The points nearest to a vector. Raises: RetrievalError."""
    body: dict[str, Any] = {"query": vector, "limit": limit, "with_payload": True}
    if target.fields.get("vector_field"):
        body["using"] = target.fields["vector_field"]
    key = target.auth.get("api_key")
    answer = await ask(
        client,
        f"{target.endpoint}/collections/{quote(target.collection, safe='')}/points/query",
        body,
        {"api-key": str(key)} if key else {},
        target.timeout,
    )
    result = answer.get("result")
    points = result.get("points") if isinstance(result, dict) else result
    paths = {
        "content": target.field("content_field", "payload.text"),
        "metadata": target.field("metadata_field", "payload.metadata"),
        "document_id": target.field("document_id_field", "id"),
    }
    return [found(one, target, paths, one.get("score")) for one in points or [] if isinstance(one, dict)]
