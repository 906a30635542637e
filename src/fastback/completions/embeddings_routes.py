"""Embeddings over HTTP."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.completions.service import Completions
from fastback.kit.http import BadRequest, HttpError, Router
from fastback.providers import openai
from fastback.providers.relay import RelayResponse
from fastback.settings import Settings

router = Router("/api")


@router.post("/embeddings", "/v1/embeddings")
async def embeddings(
    data: dict[str, Any],
    user: VerifiedUser,
    completions: Completions,
    client: aiohttp.ClientSession,
    settings: Settings,
) -> Any:
    model_id = data.get("model")
    if not isinstance(model_id, str) or not model_id:
        raise BadRequest("Model not found")
    model = await completions.model(model_id, user)
    while model.connection is None and model.base_model_id:
        base = await completions.registry.find(model.base_model_id)
        if base is None:
            raise BadRequest("Model not found")
        model = base
    connection = model.connection
    if connection is None:
        raise BadRequest("Model not found")
    # Ollama answers the same question under /v1.
    url = (
        f"{connection.url}/v1/embeddings"
        if connection.kind == "ollama"
        else openai.operation_url(connection, model.upstream_id, "embeddings")
    )
    headers = {**openai.request_headers(connection, user, settings), "content-type": "application/json"}
    body = msgspec.json.encode({**data, "model": model.upstream_id})
    try:
        response = await client.post(url, data=body, headers=headers)
    except (aiohttp.ClientError, OSError) as error:
        raise HttpError(500, messages.SERVER_CONNECTION_ERROR) from error
    return RelayResponse(response)
