"""Routes that read from Ollama servers: their models, the running models, their versions."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

from starlette.requests import Request

from fastback import messages
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.access.identity import User
from fastback.config.keys.connections import OLLAMA_ENABLE
from fastback.features.connections.forwarding import RequestForwarder, get_connection
from fastback.kit.http import HttpError, Router, Unauthorized
from fastback.providers.connections import Connection, list_ollama_connections

router = Router("/ollama")

_NUMBER = re.compile(r"\d{1,9}")


@router.route("HEAD", "")
@router.get("")
async def get_status() -> dict[str, bool]:
    """Answer Ollama's liveness check."""
    return {"status": True}


async def _query_all_servers(
    path: str, user: User, request: Request, forwarding: RequestForwarder
) -> list[tuple[Connection, Any]]:
    """Return each enabled connection with its server's response; servers that fail are left out."""
    timeout = forwarding.settings.aiohttp_client_timeout_model_list

    async def query_server(connection: Connection) -> Any:
        try:
            async with asyncio.timeout(timeout):
                return await forwarding.fetch_ollama_json(connection, "GET", path, user, request)
        except (HttpError, TimeoutError):
            return None

    connections = [connection for connection in list_ollama_connections(forwarding.config) if connection.is_enabled]
    responses = await asyncio.gather(*map(query_server, connections))
    return [
        (connection, content)
        for connection, content in zip(connections, responses, strict=True)
        if isinstance(content, dict)
    ]


async def _fetch_server_tags(index: int, user: User, request: Request, forwarding: RequestForwarder) -> dict[str, Any]:
    """Return the model list of one server.

    Raises:
        Unauthorized: the user is not an administrator.
    """
    if not user.is_admin:
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    connection = get_connection(forwarding.ollama_connections(), index)
    tags = await forwarding.fetch_ollama_json(connection, "GET", "/api/tags", user, request)
    return tags if isinstance(tags, dict) else {}


async def _list_visible_entries(user: User, forwarding: RequestForwarder) -> list[dict[str, Any]]:
    """Return Ollama's own entries of the models that a user may use."""
    base_entries = await forwarding.registry.list_base_entries()
    entries = [entry["ollama"] for entry in base_entries if entry["owned_by"] == "ollama"]
    if user.is_admin or forwarding.settings.bypass_model_access_control:
        return entries
    visible_ids = {model.id for model in await forwarding.registry.list_visible_models(user) if model.info is not None}
    return [entry for entry in entries if entry["model"] in visible_ids]


def _list_named_models(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the models in a server's list that have a name."""
    models = content.get("models")
    return [
        model
        for model in (models if isinstance(models, list) else [])
        if isinstance(model, dict) and isinstance(model.get("model"), str)
    ]


@router.get("/api/tags", "/api/tags/{url_idx}")
async def list_models(
    request: Request, user: VerifiedUser, forwarding: RequestForwarder, url_idx: int | None = None
) -> dict[str, Any]:
    """Return the models of one server, or those of all servers that the user may use."""
    if url_idx is not None:
        return await _fetch_server_tags(url_idx, user, request, forwarding)
    forwarding.ollama_connections()
    return {"models": await _list_visible_entries(user, forwarding)}


@router.get("/v1/models", "/v1/models/{url_idx}")
async def list_models_as_openai(
    request: Request, user: VerifiedUser, forwarding: RequestForwarder, url_idx: int | None = None
) -> dict[str, Any]:
    """Return the same models in the format of OpenAI's model list."""
    if url_idx is not None:
        entries = _list_named_models(await _fetch_server_tags(url_idx, user, request, forwarding))
    else:
        entries = await _list_visible_entries(user, forwarding)
    now = int(time.time())
    data = [{"id": entry["model"], "object": "model", "created": now, "owned_by": "openai"} for entry in entries]
    return {"data": data, "object": "list"}


@router.get("/api/ps")
async def list_running_models(request: Request, user: AdminUser, forwarding: RequestForwarder) -> dict[str, Any]:
    """Return the models in memory, each with the indexes of the connections whose servers have it loaded."""
    models: dict[str, dict[str, Any]] = {}
    for connection, content in await _query_all_servers("/api/ps", user, request, forwarding):
        for model in _list_named_models(content):
            name = model["model"]
            if connection.prefix:
                name = model["model"] = f"{connection.prefix}.{name}"
            if name in models:
                models[name]["urls"].append(connection.index)
            else:
                models[name] = {**model, "urls": [connection.index]}
    return {"models": list(models.values())}


def _parse_version(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in _NUMBER.findall(version.split("-")[0]))


@router.get("/api/version", "/api/version/{url_idx}")
async def get_version(
    request: Request, user: VerifiedUser, forwarding: RequestForwarder, url_idx: int | None = None
) -> dict[str, Any]:
    """Return the version of one server, or the lowest version of all."""
    if url_idx is not None and not user.is_admin:
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    if not forwarding.config.get_bool(OLLAMA_ENABLE):
        return {"version": False}
    if url_idx is not None:
        connection = get_connection(forwarding.ollama_connections(), url_idx)
        response: dict[str, Any] = await forwarding.fetch_ollama_json(connection, "GET", "/api/version", user, request)
        return response
    versions = [
        str(content.get("version"))
        for _, content in await _query_all_servers("/api/version", user, request, forwarding)
    ]
    if not versions:
        raise HttpError(500, messages.OLLAMA_NOT_FOUND)
    return {"version": min(versions, key=_parse_version)}
