"""Anthropic's Messages API over any model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from starlette.responses import StreamingResponse

from fastback.access.guards import VerifiedUser
from fastback.completions import anthropic
from fastback.completions.provider import ProviderFailed, Upstream
from fastback.completions.service import Completions
from fastback.kit.http import Json, Router

router = Router("/api")


def _error(status: int, text: str) -> Json:
    kinds = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error"}
    kinds[429] = "rate_limit_error"
    return Json({"type": "error", "error": {"type": kinds.get(status, "api_error"), "message": text}}, status)


@router.post("/message", "/v1/messages")
async def messages(data: dict[str, Any], user: VerifiedUser, completions: Completions) -> Any:
    request = completions.read(anthropic.to_completion(data))
    model = await completions.model(request.model_id, user)
    prepared = await completions.services.context.prepare(request, model, user)
    try:
        upstream = await completions.services.provider.open(prepared.model, prepared.payload, user)
    except ProviderFailed as error:
        return _error(error.status, error.detail())
    if prepared.stream and upstream.is_stream:
        return StreamingResponse(_events(upstream, model.id), media_type="text/event-stream")
    try:
        return anthropic.from_completion(await upstream.json(), model.id)
    finally:
        upstream.close()


async def _events(upstream: Upstream, model_id: str) -> AsyncIterator[bytes]:
    stream = anthropic.MessageStream(model_id)
    yield stream.start()
    try:
        async for payloads in upstream.payloads():
            found = b"".join(stream.feed(payload) for payload in payloads if payload != b"[DONE]")
            if found:
                yield found
    except (aiohttp.ClientError, OSError):
        pass  # the provider broke off; what came stands
    finally:
        upstream.close()
    yield stream.end()


@router.post("/message/count_tokens", "/v1/messages/count_tokens")
async def count_tokens(data: dict[str, Any], user: VerifiedUser, completions: Completions) -> dict[str, int]:
    await completions.model(str(data.get("model") or ""), user)
    return {"input_tokens": anthropic.count_tokens(data)}
