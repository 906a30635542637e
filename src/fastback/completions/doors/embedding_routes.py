"""Embeddings over HTTP."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec
from starlette.requests import Request

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.completions.stages.admission import Admission
from fastback.kit.http import BadRequest, HttpError, Router
from fastback.kit.http.disconnect import run_while_connected
from fastback.providers import openai
from fastback.providers.gateway import ServerGateway
from fastback.providers.model_resolution import ModelResolver
from fastback.providers.ollama.completions import to_openai_embeddings
from fastback.providers.relay import RelayResponse
from fastback.providers.request_context import build_request_context
from fastback.providers.response_body import MAX_ANSWER_BYTES, read_json_response

router = Router("/api", takes_content=True)

#: Fields of a request that Ollama is sent.
_OLLAMA_FIELDS = ("model", "input", "truncate", "options", "keep_alive")


@router.post("/embeddings", "/v1/embeddings")
async def create_embeddings(
    data: dict[str, Any],
    request: Request,
    user: VerifiedUser,
    admission: Admission,
    resolver: ModelResolver,
    gateway: ServerGateway,
) -> Any:
    """Embed texts, in OpenAI's form whatever protocol the server speaks."""
    model_id = data.get("model")
    if not isinstance(model_id, str) or not model_id:
        raise BadRequest("Model not found")
    model = await admission.require_model(model_id, user)
    server_model = await resolver.find_server_model(model)
    if server_model is None or (connection := server_model.connection) is None:
        raise BadRequest("Model not found")
    body = {**data, "model": server_model.upstream_id}
    if connection.kind == "ollama":
        url = f"{connection.url}/api/embed"
        body = {name: body[name] for name in _OLLAMA_FIELDS if name in body}
    else:
        url = openai.build_operation_url(connection, server_model.upstream_id, "embeddings")
    ctx = build_request_context(request, user)
    try:
        sending = gateway.send(connection, url, ctx, body=body, model_id=server_model.id)
        response = await run_while_connected(request.receive, sending)
        if connection.kind == "ollama":
            return await _convert_ollama_response(response)
        return RelayResponse(response)
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise HttpError(500, messages.SERVER_CONNECTION_ERROR) from error


async def _convert_ollama_response(response: aiohttp.ClientResponse) -> Any:
    """Return Ollama's embeddings in OpenAI's form.

    Raises:
        HttpError: the server refused; the detail is the server's.
    """
    try:
        content = await read_json_response(response, MAX_ANSWER_BYTES)
    except msgspec.DecodeError:
        content = None
    finally:
        response.release()
    if response.status >= 400:
        detail = content.get("error") if isinstance(content, dict) else None
        raise HttpError(response.status, detail or messages.SERVER_CONNECTION_ERROR)
    return to_openai_embeddings(content) if isinstance(content, dict) else content
