"""Anthropic's Messages API over any model."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.completions.doors import anthropic_requests
from fastback.completions.doors.anthropic_responses import MessageStream, from_completion
from fastback.completions.doors.provider_errors import refusal
from fastback.completions.service import Completions
from fastback.kit.http import BadRequest, HttpError, NotFound, Router
from fastback.kit.http.disconnect import run_while_connected
from fastback.providers import model_resolution
from fastback.providers.client import ProviderFailed, Upstream
from fastback.providers.registry import Model
from fastback.providers.relay import RelayResponse
from fastback.providers.request_context import RequestContext, build_request_context

log = logging.getLogger("fastback.completions")

router = Router("/api")

Body = dict[str, Any]

#: Seconds a stream waits for the count of its tokens beyond its own first word.
_PATIENCE = 1.0


@router.post("/message", "/v1/messages")
async def message(data: Body, request: Request, user: VerifiedUser, completions: Completions) -> Any:
    ctx = build_request_context(request, user)
    named = await completions.registry.find(str(data.get("model") or ""))
    target = await model_resolution.at_server(completions.registry, named) if named is not None else None
    connection = target.connection if target is not None else None
    if target is not None and connection is not None and connection.takes_messages:
        await completions.model(named.id if named else target.id, user)
        return await _native("messages", target, data, ctx, request, completions)
    wanted = completions.read(
        anthropic_requests.to_completion(data, connection.options.get("passthrough_params") if connection else None)
    )
    model = await completions.model(wanted.model_id, user)
    prepared = await run_while_connected(request, completions.services.context.prepare(wanted, model, ctx))
    counting = asyncio.ensure_future(_counted(target, data, ctx, completions)) if prepared.stream else None
    try:
        opening = completions.services.provider.open(prepared.model, prepared.payload, ctx)
        upstream = await run_while_connected(request, opening)
        if upstream.is_stream:
            stream = MessageStream(model.id, await _in_time(counting))
            return StreamingResponse(
                _events(upstream, stream), media_type="text/event-stream", headers={"cache-control": "no-cache"}
            )
    except ProviderFailed as error:
        return refusal(error)
    finally:
        if counting is not None:
            counting.cancel()
    try:
        found = await run_while_connected(request, upstream.json())
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise HttpError(502, messages.SERVER_CONNECTION_ERROR) from error
    finally:
        upstream.close()
    if not isinstance(found, dict):
        raise HttpError(502, "The provider answered without a message.")
    usage = found.get("usage") or {}
    counted = "input_tokens" in usage or "prompt_tokens" in usage
    return from_completion(found, model.id, None if counted else await _counted(target, data, ctx, completions))


async def _in_time(counting: asyncio.Future[int | None] | None) -> int | None:
    if counting is None:
        return None
    await asyncio.wait([counting], timeout=_PATIENCE)
    return counting.result() if counting.done() else None


async def _counted(target: Model | None, data: Body, ctx: RequestContext, completions: Completions) -> int | None:
    """The tokens of a request as its server counts them; None from a server that does not."""
    if target is None or target.owned_by != "openai":
        return None
    try:
        return await _count(target, data, ctx, completions)
    except (HttpError, ProviderFailed) as error:
        log.debug("%s does not count tokens: %s", target.id, error)
        return None


async def _events(upstream: Upstream, stream: MessageStream) -> AsyncIterator[bytes]:
    yield stream.start()
    try:
        async for payloads in upstream.payloads():
            found = b"".join(stream.feed(payload) for payload in payloads if payload != b"[DONE]")
            if found:
                yield found
    except (TimeoutError, aiohttp.ClientError, OSError):
        yield stream.fail()
    finally:
        upstream.close()
    yield stream.end()


async def _native(
    path: str, target: Model, data: Body, ctx: RequestContext, request: Request, completions: Completions
) -> Response:
    """The answer of a server that speaks this API itself, as it is."""
    body = {**data, "model": target.upstream_id}
    opening = completions.services.provider.native(target, path, body, ctx)
    try:
        return RelayResponse(await run_while_connected(request, opening))
    except ProviderFailed as error:
        return refusal(error)
    except HttpError as error:
        raise HttpError(502, error.detail) from error


async def _count(target: Model, data: Body, ctx: RequestContext, completions: Completions) -> int:
    """Raises: ProviderFailed: the server refused. HttpError: it cannot be reached, or its answer is no count."""
    body = {**data, "model": target.upstream_id}
    response = await completions.services.provider.native(target, "messages/count_tokens", body, ctx)
    try:
        found = msgspec.json.decode(await response.read())
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = None
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise HttpError(502, messages.SERVER_CONNECTION_ERROR) from error
    finally:
        response.release()
    count = found.get("input_tokens") if isinstance(found, dict) else None
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise HttpError(502, "Invalid token-count response from upstream provider")
    return count


@router.post("/message/count_tokens", "/v1/messages/count_tokens")
async def count_tokens(data: Body, request: Request, user: VerifiedUser, completions: Completions) -> dict[str, int]:
    if not data.get("model"):
        raise BadRequest("model is required")
    target = await completions.openai_model(str(data["model"]), user)
    if target is None:
        raise NotFound(messages.model_not_found())
    try:
        counting = _count(target, data, build_request_context(request, user), completions)
        return {"input_tokens": await run_while_connected(request, counting)}
    except ProviderFailed as error:
        raise HttpError(error.status, error.content()) from error
    except HttpError as error:
        raise HttpError(502 if error.status == 500 else error.status, error.detail) from error
