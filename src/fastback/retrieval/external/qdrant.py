"""Search in Qdrant, through its REST interface."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import aiohttp

from fastback.retrieval.external.http import post_json
from fastback.retrieval.external.results import ExternalHit, SearchTarget, build_hit


async def search_points(
    client: aiohttp.ClientSession, target: SearchTarget, vector: list[float], limit: int
) -> list[ExternalHit]:
    """Return the points nearest to a vector.

    Raises:
        RetrievalError: the request failed.
    """
    body: dict[str, Any] = {"query": vector, "limit": limit, "with_payload": True}
    if target.fields.get("vector_field"):
        body["using"] = target.fields["vector_field"]
    key = target.auth.get("api_key")
    response = await post_json(
        client,
        f"{target.endpoint}/collections/{quote(target.collection, safe='')}/points/query",
        body,
        {"api-key": str(key)} if key else {},
        target.timeout,
    )
    result = response.get("result")
    points = result.get("points") if isinstance(result, dict) else result
    paths = {
        "content": target.get_field("content_field", "payload.text"),
        "metadata": target.get_field("metadata_field", "payload.metadata"),
        "document_id": target.get_field("document_id_field", "id"),
    }
    return [build_hit(point, target, paths, point.get("score")) for point in points or [] if isinstance(point, dict)]
