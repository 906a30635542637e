"""`/openai`: the models of OpenAI-compatible servers, and requests passed on to them."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.access.permissions import Permissions
from fastback.completions.doors.chat_routes import complete
from fastback.completions.service import Completions
from fastback.config.keys.connections import OPENAI_API_BASE_URLS
from fastback.features.connections.forwarding import RequestForwarder, get_connection
from fastback.kit.http import Forbidden, HttpError, NotFound, Router, Unauthorized
from fastback.providers import openai
from fastback.providers.model_listing import ListingError, can_chat, openai_list
from fastback.providers.request_context import build_request_context

log = logging.getLogger("fastback.connections")

router = Router("/openai")

_OPENAI = "https://api.openai.com/v1"


@router.get("/models", "/v1/models", "/models/{url_idx}")
async def models(
    request: Request, user: VerifiedUser, forwarding: RequestForwarder, url_idx: int | None = None
) -> dict[str, Any]:
    """The models of all servers, or for an administrator what one of them answers right now."""
    if url_idx is not None:
        return await _models_of(url_idx, request, user, forwarding)
    forwarding.openai_connections()
    entries = [one for one in await forwarding.registry.base_entries() if "urlIdx" in one]
    if not user.is_admin and not forwarding.settings.bypass_model_access_control:
        known = {one.id for one in await forwarding.registry.visible(user) if one.info is not None}
        entries = [one for one in entries if one["id"] in known]
    return {"data": entries}


async def _models_of(index: int, request: Request, user: VerifiedUser, forwarding: RequestForwarder) -> dict[str, Any]:
    if not user.is_admin:
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    connection = get_connection(forwarding.openai_connections(), index)
    if connection.is_azure:
        return {"data": connection.model_ids, "object": "list"}
    try:
        ctx = await forwarding.build_context(connection, request, user)
        found = await openai_list(forwarding.client, connection, forwarding.settings, ctx)
    except ListingError as error:
        if isinstance(error.__cause__, (aiohttp.ClientError, OSError)):
            raise HttpError(500, messages.SERVER_CONNECTION_ERROR) from error
        raise HttpError(500, f"Unexpected error: {error}") from error
    if not isinstance(found, dict):
        return {"object": "list", "data": found}
    data = found.get("data")
    if isinstance(data, list):
        found["data"] = [
            one for one in data if not isinstance(one, dict) or can_chat(connection, str(one.get("id") or ""))
        ]
    return found


@router.post("/chat/completions", "/v1/chat/completions")
async def chat(
    data: dict[str, Any], request: Request, user: VerifiedUser, completions: Completions, forwarding: RequestForwarder
) -> Any:
    """A chat with a model of an OpenAI-compatible server, or with one of the workspace that stands on such."""
    forwarding.openai_connections()
    name = data.get("model")
    if await completions.openai_model(name if isinstance(name, str) else "", user) is None:
        raise NotFound(messages.model_not_found())
    return await complete(data, build_request_context(request, user), request, completions, reads=False)


class ResponsesForm(msgspec.Struct):
    """What is checked of a request to the Responses API; everything else goes on unread."""

    model: str
    input: list[Any] | str | None = None
    instructions: str | None = None
    stream: bool | None = None
    temperature: float | None = None
    max_output_tokens: int | None = None
    top_p: float | None = None
    tools: list[Any] | None = None
    tool_choice: str | dict[str, Any] | None = None
    text: dict[str, Any] | None = None
    truncation: str | None = None
    metadata: dict[str, Any] | None = None
    store: bool | None = None
    reasoning: dict[str, Any] | None = None
    previous_response_id: str | None = None


@router.post("/responses", "/v1/responses")
async def responses(
    data: ResponsesForm, request: Request, user: VerifiedUser, forwarding: RequestForwarder
) -> Response:
    await forwarding.require_model_access(user, data.model)
    connection, name = await forwarding.resolve_openai_model(data.model)
    given = msgspec.json.decode(await request.body())
    body = {key: value for key, value in given.items() if value is not None} | {"model": name}
    url = openai.operation_url(connection, name, "responses")
    return await forwarding.relay_request(connection, "POST", url, user, request, body=body)


@router.post("/audio/speech")
async def speech(
    request: Request, user: VerifiedUser, forwarding: RequestForwarder, permissions: Permissions
) -> Response:
    """A text read out by OpenAI, once: the same question is answered from the disk afterwards."""
    if not user.is_admin and not await permissions.has(user.id, "chat.tts"):
        raise Forbidden(messages.ACCESS_PROHIBITED)
    urls = forwarding.config.get_list(OPENAI_API_BASE_URLS)
    if _OPENAI not in urls:
        raise Unauthorized(messages.OPENAI_NOT_FOUND)
    connection = get_connection(forwarding.openai_connections(), urls.index(_OPENAI))
    body = await request.body()
    directory = forwarding.settings.cache_path / "audio" / "speech"
    path = directory / f"{hashlib.sha256(body).hexdigest()}.mp3"
    if path.is_file():
        return FileResponse(path)
    try:
        response = await forwarding.send_request(
            connection, "POST", f"{connection.url}/audio/speech", user, request, body=body
        )
        try:
            sound = await response.read()
        finally:
            response.release()
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise HttpError(500, messages.SERVER_CONNECTION_ERROR) from error
    if response.status >= 400:
        raise HttpError(response.status, _external(sound) or messages.SERVER_CONNECTION_ERROR)
    await asyncio.to_thread(_keep, path, sound, body)
    return FileResponse(path)


def _external(body: bytes) -> str | None:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return f"External: {found['error']}" if isinstance(found, dict) and "error" in found else None


def _keep(path: Path, sound: bytes, question: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written beside and moved: nobody is given half a file.
    half = path.with_suffix(".part")
    half.write_bytes(sound)
    half.replace(path)
    path.with_suffix(".json").write_bytes(question)


async def _pass_through(path: str, request: Request, user: VerifiedUser, forwarding: RequestForwarder) -> Response:
    if not forwarding.settings.enable_openai_api_passthrough:
        raise Forbidden(
            "Direct API passthrough is disabled. Set ENABLE_OPENAI_API_PASSTHROUGH=True to enable.",
        )
    body = await request.body()
    try:
        payload = msgspec.json.decode(body) if body else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        payload = None
    model_id = payload.get("model") if isinstance(payload, dict) else None
    connection, name = await forwarding.resolve_openai_model(model_id)
    url = f"{connection.url}/{path}"
    if connection.is_azure:
        url = openai.operation_url(connection, name, path)
        if openai.is_azure_v1(connection):
            url += f"?{request.url.query}" if request.url.query else ""
        elif isinstance(payload, dict):
            body = msgspec.json.encode(openai.azure_payload(connection, {**payload, "model": name}))
    return await forwarding.relay_request(connection, request.method, url, user, request, body=body)


@router.get("/{path:path}")
async def pass_get(path: str, request: Request, user: VerifiedUser, forwarding: RequestForwarder) -> Response:
    return await _pass_through(path, request, user, forwarding)


@router.post("/{path:path}")
async def pass_post(path: str, request: Request, user: VerifiedUser, forwarding: RequestForwarder) -> Response:
    return await _pass_through(path, request, user, forwarding)


@router.put("/{path:path}")
async def pass_put(path: str, request: Request, user: VerifiedUser, forwarding: RequestForwarder) -> Response:
    return await _pass_through(path, request, user, forwarding)


@router.delete("/{path:path}")
async def pass_delete(path: str, request: Request, user: VerifiedUser, forwarding: RequestForwarder) -> Response:
    return await _pass_through(path, request, user, forwarding)
