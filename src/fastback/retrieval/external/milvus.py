"""Search in Milvus, through version 2 of its REST interface."""

from __future__ import annotations

from typing import Any

import aiohttp

from fastback.retrieval.external.http import post_json
from fastback.retrieval.external.results import ExternalHit, SearchTarget, build_hit
from fastback.retrieval.interfaces import RetrievalError


async def search_entities(
    client: aiohttp.ClientSession, target: SearchTarget, vector: list[float], limit: int
) -> list[ExternalHit]:
    """Return the entities nearest to a vector.

    Raises:
        RetrievalError: the request failed.
    """
    paths = {
        "content": target.get_field("content_field", "data.text"),
        "metadata": target.get_field("metadata_field", "metadata"),
        "document_id": target.get_field("document_id_field", "id"),
    }
    vector_field = target.get_field("vector_field", "vector")
    output_fields = {path.split(".", 1)[0] for path in paths.values()} - {vector_field}
    body: dict[str, Any] = {
        "collectionName": target.collection,
        "data": [vector],
        "annsField": vector_field,
        "limit": limit,
        "outputFields": sorted(output_fields if target.fields.get("document_id_field") else output_fields - {"id"}),
    }
    if target.config.get("db_name"):
        body["dbName"] = target.config["db_name"]
    token = target.auth.get("api_key") or target.auth.get("token")
    response = await post_json(
        client,
        f"{target.endpoint}/v2/vectordb/entities/search",
        body,
        {"authorization": f"Bearer {token}"} if token else {},
        target.timeout,
    )
    if response.get("code") not in (0, 200, None):
        raise RetrievalError(f"Milvus refuses: {response.get('message') or response.get('code')}")
    hits = response.get("data")
    return [
        build_hit(entity, target, paths, entity.get("distance")) for entity in hits or [] if isinstance(entity, dict)
    ]
