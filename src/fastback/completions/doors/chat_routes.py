"""Chat completions over HTTP."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec
from starlette.requests import Request

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.completions import source_notes
from fastback.completions.context import Prepared
from fastback.completions.doors.provider_errors import refusal
from fastback.completions.service import Completions, Started
from fastback.kit.http import HttpError, Router
from fastback.kit.http.disconnect import run_while_connected
from fastback.providers import ollama
from fastback.providers.client import ProviderFailed
from fastback.providers.registry import Model
from fastback.providers.relay import RelayResponse
from fastback.providers.request_context import RequestContext, build_request_context

router = Router("/api")


async def complete(
    body: dict[str, Any], ctx: RequestContext, http: Request, completions: Completions, *, reads: bool = True
) -> Any:
    """A completion for an API client: the provider's bytes, or a stream of them, passed on.

    What a chat completion refers to is read; `reads` is false for those that take no files.
    """
    request = completions.read(body)
    model = await completions.model(request.model_id, ctx.asker)
    # Searching for an answer may take as long as the answer.
    preparing = completions.services.context.prepare(request, model, ctx, reads=reads)
    prepared = await run_while_connected(http, preparing)
    if prepared.note:
        # What the answer does without is told in a header.
        told = " ".join(prepared.note.split()).encode("ascii", "replace")
        http.scope.setdefault("fastback.headers", []).append((source_notes.HEADER, told))
    return await answer(prepared, model, ctx, http, completions)


async def answer(prepared: Prepared, model: Model, ctx: RequestContext, http: Request, completions: Completions) -> Any:
    """The provider's answer to a prepared request; the provider stops when the client hangs up.

    Raises:
        HttpError: the provider cannot be reached, or answered what cannot be passed on.
    """
    opening = completions.services.provider.open(prepared.model, prepared.payload, ctx)
    try:
        upstream = await run_while_connected(http, opening)
    except ProviderFailed as error:
        return refusal(error)
    sources = [msgspec.to_builtins(one) for one in prepared.sources]
    first = b"data: " + msgspec.json.encode({"sources": sources}) + b"\n\n" if sources else b""
    if upstream.is_stream:
        if upstream.protocol in ("openai", "responses"):
            return RelayResponse(upstream.response, first=first)
    elif upstream.protocol == "openai" and not sources:
        return RelayResponse(upstream.response)
    if not upstream.is_stream:
        try:
            found = await run_while_connected(http, upstream.json())
            return {"sources": sources, **found} if sources and isinstance(found, dict) else found
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise HttpError(502, messages.SERVER_CONNECTION_ERROR) from error
        finally:
            upstream.close()
    converter = ollama.OllamaToOpenAI(model.id)
    rest = b""

    def convert(piece: bytes) -> bytes:
        nonlocal rest
        *lines, rest = (rest + piece).split(b"\n")
        return b"".join(one for line in lines if line.strip() for one in converter.feed(line))

    return RelayResponse(upstream.response, first=first, convert=convert, content_type="text/event-stream")


@router.post("/chat/completions", "/v1/chat/completions")
async def chat_completions(data: dict[str, Any], request: Request, user: VerifiedUser, completions: Completions) -> Any:
    ctx = build_request_context(request, user)
    if data.get("session_id") and (data.get("chat_id") or "parent_id" in data):
        started: Started = await completions.start(completions.read(data), ctx)
        return started
    return await complete(data, ctx, request, completions)
