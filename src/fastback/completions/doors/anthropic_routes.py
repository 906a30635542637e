"""Anthropic's Messages API over any model."""

from __future__ import annotations

import logging
from typing import Any

import aiohttp
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.completions.doors.anthropic_requests import convert_request
from fastback.completions.sinks.anthropic import AnthropicSink
from fastback.completions.sinks.refusals import build_refusal_response
from fastback.completions.stages.admission import Admission
from fastback.completions.turn import Turn
from fastback.completions.turn_pipeline import TurnPipeline
from fastback.completions.turn_request import parse_turn_request
from fastback.kit.http import BadRequest, HttpError, NotFound, Router
from fastback.kit.http.disconnect import run_while_connected
from fastback.providers.client import ModelClient
from fastback.providers.model import Model
from fastback.providers.model_resolution import ModelResolver
from fastback.providers.registry import ModelRegistry
from fastback.providers.relay import RelayResponse
from fastback.providers.request_context import RequestContext, build_request_context
from fastback.providers.response_body import read_json_response
from fastback.providers.upstream import ProviderRefusal

log = logging.getLogger("fastback.completions")

router = Router("/api", takes_content=True)

Body = dict[str, Any]


@router.post("/message", "/v1/messages")
async def create_message(
    data: Body,
    request: Request,
    user: VerifiedUser,
    registry: ModelRegistry,
    resolver: ModelResolver,
    admission: Admission,
    client: ModelClient,
    pipeline: TurnPipeline,
) -> Any:
    """Answer a message: by a server that speaks this API itself, or by a turn whose answer is converted."""
    ctx = build_request_context(request, user)
    model = await registry.find(str(data.get("model") or ""))
    server_model = await resolver.find_server_model(model) if model is not None else None
    connection = server_model.connection if server_model is not None else None
    if model is not None and server_model is not None and connection is not None and connection.has_messages_api:
        await admission.require_model(model.id, user)
        return await _relay_native(client, server_model, data, ctx, request)
    passthrough = connection.options.get("passthrough_params") if connection else None

    async def count_tokens() -> int | None:
        return await _find_token_count(client, server_model, data, ctx)

    sink = AnthropicSink(count_tokens)
    turn = Turn(request=parse_turn_request(convert_request(data, passthrough)), ctx=ctx, sink=sink)
    await run_while_connected(request.receive, pipeline.run(turn))
    return sink.response


async def _relay_native(
    client: ModelClient, server_model: Model, data: Body, ctx: RequestContext, request: Request
) -> Response:
    """Relay the response of a server that speaks this API itself."""
    body = {**data, "model": server_model.upstream_id}
    try:
        return RelayResponse(
            await run_while_connected(request.receive, client.post_native(server_model, "messages", body, ctx))
        )
    except ProviderRefusal as refusal:
        return build_refusal_response(refusal)
    except HttpError as error:
        raise HttpError(502, error.detail) from error


async def _find_token_count(
    client: ModelClient, server_model: Model | None, data: Body, ctx: RequestContext
) -> int | None:
    """Return the tokens of a request as its server counts them; None from a server that does not count."""
    if server_model is None or server_model.owned_by != "openai":
        return None
    try:
        return await _count_tokens(client, server_model, data, ctx)
    except (HttpError, ProviderRefusal) as error:
        log.debug("counting tokens of model %s failed, the count is left out: %s", server_model.id, error)
        return None


async def _count_tokens(client: ModelClient, server_model: Model, data: Body, ctx: RequestContext) -> int:
    """Return the tokens of a request as its server counts them.

    Raises:
        ProviderRefusal: the server refused.
        HttpError: it cannot be reached, or its response holds no count.
    """
    body = {**data, "model": server_model.upstream_id}
    response = await client.post_native(server_model, "messages/count_tokens", body, ctx)
    try:
        content = await read_json_response(response)
    except msgspec.DecodeError:
        content = None
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise HttpError(502, messages.SERVER_CONNECTION_ERROR) from error
    finally:
        response.release()
    count = content.get("input_tokens") if isinstance(content, dict) else None
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise HttpError(502, "Invalid token-count response from upstream provider")
    return count


@router.post("/message/count_tokens", "/v1/messages/count_tokens")
async def count_message_tokens(
    data: Body, request: Request, user: VerifiedUser, admission: Admission, client: ModelClient
) -> dict[str, int]:
    """Count the input tokens of a message."""
    if not data.get("model"):
        raise BadRequest("model is required")
    server_model = await admission.find_openai_model(str(data["model"]), user)
    if server_model is None:
        raise NotFound(messages.model_not_found())
    counting = _count_tokens(client, server_model, data, build_request_context(request, user))
    try:
        return {"input_tokens": await run_while_connected(request.receive, counting)}
    except ProviderRefusal as refusal:
        raise HttpError(refusal.status, refusal.content()) from refusal
    except HttpError as error:
        raise HttpError(502 if error.status == 500 else error.status, error.detail) from error
