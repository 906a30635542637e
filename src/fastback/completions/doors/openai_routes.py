"""`/openai`: the models of OpenAI-compatible servers, and requests forwarded to them."""

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
from fastback.completions.doors.relayed_completion import relay_completion
from fastback.completions.stages.admission import Admission
from fastback.completions.turn_pipeline import TurnPipeline
from fastback.config.keys.connections import OPENAI_API_BASE_URLS
from fastback.features.connections.forwarding import RequestForwarder, get_connection
from fastback.kit.http import Forbidden, HttpError, NotFound, Router, Unauthorized
from fastback.kit.http.request_body import BodyLimits, keep_body, read_body
from fastback.kit.json_decoding import decode_json
from fastback.kit.json_pieces import decode_body
from fastback.providers import openai
from fastback.providers.model_listing import ListingError, can_chat, fetch_openai_models
from fastback.providers.request_context import build_request_context
from fastback.providers.response_body import MAX_ANSWER_BYTES, read_response

log = logging.getLogger("fastback.connections")

router = Router("/openai", takes_content=True)

#: The address of OpenAI itself.
_OPENAI_URL = "https://api.openai.com/v1"


@router.get("/models", "/v1/models", "/models/{url_idx}")
async def list_models(
    request: Request, user: VerifiedUser, forwarding: RequestForwarder, url_idx: int | None = None
) -> dict[str, Any]:
    """List the models of all servers; for an administrator those that one server lists now."""
    if url_idx is not None:
        return await _fetch_models(url_idx, request, user, forwarding)
    forwarding.openai_connections()
    entries = [entry for entry in await forwarding.registry.list_base_entries() if "urlIdx" in entry]
    if not user.is_admin and not forwarding.settings.bypass_model_access_control:
        visible_ids = {
            model.id for model in await forwarding.registry.list_visible_models(user) if model.info is not None
        }
        entries = [entry for entry in entries if entry["id"] in visible_ids]
    return {"data": entries}


async def _fetch_models(
    index: int, request: Request, user: VerifiedUser, forwarding: RequestForwarder
) -> dict[str, Any]:
    """Return what one server lists.

    Raises:
        Unauthorized: the user is no administrator.
        HttpError: the server cannot be reached, or its response is no list.
    """
    if not user.is_admin:
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    connection = get_connection(forwarding.openai_connections(), index)
    if connection.is_azure:
        return {"data": connection.model_ids, "object": "list"}
    try:
        ctx = await forwarding.build_context(connection, request, user)
        response = await fetch_openai_models(forwarding.client, connection, forwarding.settings, ctx)
    except ListingError as error:
        if isinstance(error.__cause__, (aiohttp.ClientError, OSError)):
            raise HttpError(500, messages.SERVER_CONNECTION_ERROR) from error
        raise HttpError(500, f"Unexpected error: {error}") from error
    if not isinstance(response, dict):
        return {"object": "list", "data": response}
    data = response.get("data")
    if isinstance(data, list):
        response["data"] = [
            model for model in data if not isinstance(model, dict) or can_chat(connection, str(model.get("id") or ""))
        ]
    return response


@router.post("/chat/completions", "/v1/chat/completions")
async def create_chat_completion(
    data: dict[str, Any],
    request: Request,
    user: VerifiedUser,
    admission: Admission,
    pipeline: TurnPipeline,
    forwarding: RequestForwarder,
) -> Any:
    """Chat with a model of an OpenAI-compatible server, or with a workspace model based on one."""
    forwarding.openai_connections()
    name = data.get("model")
    if await admission.find_openai_model(name if isinstance(name, str) else "", user) is None:
        raise NotFound(messages.model_not_found())
    ctx = build_request_context(request, user)
    return await relay_completion(pipeline, data, ctx, request, is_forwarded=True)


class ResponsesForm(msgspec.Struct):
    """The fields that are checked of a request to the Responses API; every other field is forwarded unread."""

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
@keep_body
async def create_response(
    data: ResponsesForm, request: Request, user: VerifiedUser, forwarding: RequestForwarder
) -> Response:
    """Forward a request to the Responses API of the model's server."""
    await forwarding.require_model_access(user, data.model)
    connection, name = await forwarding.resolve_openai_model(data.model)
    fields = await decode_body(await request.body())
    body = {key: value for key, value in fields.items() if value is not None} | {"model": name}
    url = openai.build_operation_url(connection, name, "responses")
    return await forwarding.relay_request(connection, "POST", url, user, request, body=body)


@router.post("/audio/speech")
async def create_speech(
    request: Request,
    user: VerifiedUser,
    forwarding: RequestForwarder,
    permissions: Permissions,
    limits: BodyLimits,
) -> Response:
    """Read a text aloud by OpenAI. The sound is cached on disk: the same request is not sent to OpenAI again."""
    if not user.is_admin and not await permissions.has(user.id, "chat.tts"):
        raise Forbidden(messages.ACCESS_PROHIBITED)
    urls = forwarding.config.get_list(OPENAI_API_BASE_URLS)
    if _OPENAI_URL not in urls:
        raise Unauthorized(messages.OPENAI_NOT_FOUND)
    connection = get_connection(forwarding.openai_connections(), urls.index(_OPENAI_URL))
    body = await read_body(request, limits.ordinary)
    directory = forwarding.settings.cache_path / "audio" / "speech"
    path = directory / f"{hashlib.sha256(body).hexdigest()}.mp3"
    if path.is_file():
        return FileResponse(path)
    try:
        response = await forwarding.send_request(
            connection, "POST", f"{connection.url}/audio/speech", user, request, body=body
        )
        try:
            sound = await read_response(response, MAX_ANSWER_BYTES)
        finally:
            response.release()
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise HttpError(500, messages.SERVER_CONNECTION_ERROR) from error
    if response.status >= 400:
        raise HttpError(response.status, _find_error(sound) or messages.SERVER_CONNECTION_ERROR)
    await asyncio.to_thread(_cache_speech, path, sound, body)
    return FileResponse(path)


def _find_error(body: bytes) -> str | None:
    """Return the error in OpenAI's response; None where it holds none."""
    content = _find_json(body)
    return f"External: {content['error']}" if isinstance(content, dict) and "error" in content else None


def _cache_speech(path: Path, sound: bytes, request_body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # The file is written under another name and moved, so that no request reads half of it.
    partial_path = path.with_suffix(".part")
    partial_path.write_bytes(sound)
    partial_path.replace(path)
    path.with_suffix(".json").write_bytes(request_body)


class _ModelField(msgspec.Struct):
    """The only field of a forwarded request that is read."""

    model: Any = None


def _find_model_id(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body, type=_ModelField).model
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _find_json(body: bytes) -> Any:
    try:
        return decode_json(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


async def _pass_through(
    path: str, request: Request, user: VerifiedUser, forwarding: RequestForwarder, limits: BodyLimits
) -> Response:
    """Forward any other request, where the settings allow it.

    Raises:
        Forbidden: they do not.
    """
    if not forwarding.settings.enable_openai_api_passthrough:
        raise Forbidden(
            "Direct API passthrough is disabled. Set ENABLE_OPENAI_API_PASSTHROUGH=True to enable.",
        )
    body = await read_body(request, limits.content)
    connection, name = await forwarding.resolve_openai_model(_find_model_id(body))
    url = f"{connection.url}/{path}"
    if connection.is_azure:
        url = openai.build_operation_url(connection, name, path)
        if openai.is_azure_v1(connection):
            url += f"?{request.url.query}" if request.url.query else ""
        elif isinstance(payload := _find_json(body), dict):
            body = msgspec.json.encode(openai.select_azure_fields(connection, {**payload, "model": name}))
    return await forwarding.relay_request(connection, request.method, url, user, request, body=body)


@router.get("/{path:path}")
async def forward_get(
    path: str, request: Request, user: VerifiedUser, forwarding: RequestForwarder, limits: BodyLimits
) -> Response:
    return await _pass_through(path, request, user, forwarding, limits)


@router.post("/{path:path}")
async def forward_post(
    path: str, request: Request, user: VerifiedUser, forwarding: RequestForwarder, limits: BodyLimits
) -> Response:
    return await _pass_through(path, request, user, forwarding, limits)


@router.put("/{path:path}")
async def forward_put(
    path: str, request: Request, user: VerifiedUser, forwarding: RequestForwarder, limits: BodyLimits
) -> Response:
    return await _pass_through(path, request, user, forwarding, limits)


@router.delete("/{path:path}")
async def forward_delete(
    path: str, request: Request, user: VerifiedUser, forwarding: RequestForwarder, limits: BodyLimits
) -> Response:
    return await _pass_through(path, request, user, forwarding, limits)
