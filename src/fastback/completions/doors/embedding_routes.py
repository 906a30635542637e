"""Embeddings over HTTP."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec
from starlette.requests import Request

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.access.permissions import Permissions
from fastback.completions.service import Completions
from fastback.kit.http import BadRequest, HttpError, Router
from fastback.kit.http.disconnect import run_while_connected
from fastback.providers import model_resolution, ollama, openai
from fastback.providers.http_client import answer_timeout
from fastback.providers.relay import RelayResponse
from fastback.providers.request_context import build_request_context, with_groups
from fastback.settings import Settings

router = Router("/api")

#: What Ollama is told of a request.
_OLLAMA = ("model", "input", "truncate", "options", "keep_alive")


@router.post("/embeddings", "/v1/embeddings")
async def embeddings(
    data: dict[str, Any],
    request: Request,
    user: VerifiedUser,
    completions: Completions,
    permissions: Permissions,
    client: aiohttp.ClientSession,
    settings: Settings,
) -> Any:
    model_id = data.get("model")
    if not isinstance(model_id, str) or not model_id:
        raise BadRequest("Model not found")
    model = await completions.model(model_id, user)
    target = await model_resolution.at_server(completions.registry, model)
    if target is None or (connection := target.connection) is None:
        raise BadRequest("Model not found")
    body = {**data, "model": target.upstream_id}
    if connection.kind == "ollama":
        url = f"{connection.url}/api/embed"
        body = {name: body[name] for name in _OLLAMA if name in body}
    else:
        url = openai.operation_url(connection, target.upstream_id, "embeddings")
    ctx = await with_groups(connection.options.get("headers"), build_request_context(request, user), permissions)
    sending = client.post(
        url,
        data=msgspec.json.encode(body),
        headers={"content-type": "application/json", **openai.request_headers(connection, ctx, settings)},
        cookies=ctx.cookies if connection.options.get("forward_cookies") else None,
        timeout=answer_timeout(settings),
    )
    try:
        response = await run_while_connected(request, sending)
        if connection.kind == "ollama":
            return await _from_ollama(response)
        return RelayResponse(response)
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise HttpError(500, messages.SERVER_CONNECTION_ERROR) from error


async def _from_ollama(response: aiohttp.ClientResponse) -> Any:
    """Raises: HttpError: the server's refusal in its own words."""
    try:
        found = msgspec.json.decode(await response.read())
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = None
    finally:
        response.release()
    if response.status >= 400:
        detail = found.get("error") if isinstance(found, dict) else None
        raise HttpError(response.status, detail or messages.SERVER_CONNECTION_ERROR)
    return ollama.to_openai_embeddings(found) if isinstance(found, dict) else found
