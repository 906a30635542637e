"""`/ollama`: what Ollama's servers have and run."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

from starlette.requests import Request

from fastback import messages
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.access.identity import User
from fastback.features.connections.forwarding import Forwarding, at
from fastback.kit.http import HttpError, Router, Unauthorized
from fastback.providers.connections import Connection, ollama_connections

router = Router("/ollama")


@router.route("HEAD", "")
@router.get("")
async def here() -> dict[str, bool]:
    return {"status": True}


async def _of_all(path: str, user: User, request: Request, forwarding: Forwarding) -> list[tuple[Connection, Any]]:
    """What every server in use answers; those that do not are left out."""
    timeout = forwarding.settings.aiohttp_client_timeout_model_list

    async def ask(connection: Connection) -> Any:
        try:
            async with asyncio.timeout(timeout):
                return await forwarding.ollama_json(connection, "GET", path, user, request)
        except (HttpError, TimeoutError):
            return None

    used = [one for one in ollama_connections(forwarding.config) if one.enabled]
    answers = await asyncio.gather(*(ask(one) for one in used))
    return [(one, found) for one, found in zip(used, answers, strict=True) if isinstance(found, dict)]


async def _tags_of(index: int, user: User, request: Request, forwarding: Forwarding) -> dict[str, Any]:
    """What one server has, for administrators."""
    if not user.is_admin:
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    connection = at(forwarding.ollama_connections(), index)
    found: dict[str, Any] = await forwarding.ollama_json(connection, "GET", "/api/tags", user, request) or {}
    return found


async def _visible(user: User, forwarding: Forwarding) -> list[dict[str, Any]]:
    """Ollama's own entries of the models a user may use."""
    entries = [one["ollama"] for one in await forwarding.registry.base_entries() if "ollama" in one]
    if user.is_admin or forwarding.settings.bypass_model_access_control:
        return entries
    known = {one.id for one in await forwarding.registry.visible(user) if one.info is not None}
    return [one for one in entries if one["model"] in known]


@router.get("/api/tags", "/api/tags/{url_idx}")
async def tags(
    request: Request, user: VerifiedUser, forwarding: Forwarding, url_idx: int | None = None
) -> dict[str, Any]:
    if url_idx is not None:
        return await _tags_of(url_idx, user, request, forwarding)
    forwarding.ollama_connections()
    return {"models": await _visible(user, forwarding)}


@router.get("/v1/models", "/v1/models/{url_idx}")
async def openai_models(
    request: Request, user: VerifiedUser, forwarding: Forwarding, url_idx: int | None = None
) -> dict[str, Any]:
    """The same in OpenAI's form."""
    if url_idx is not None:
        found = (await _tags_of(url_idx, user, request, forwarding)).get("models") or []
    else:
        found = await _visible(user, forwarding)
    now = int(time.time())
    data = [{"id": one["model"], "object": "model", "created": now, "owned_by": "openai"} for one in found]
    return {"data": data, "object": "list"}


@router.get("/api/ps")
async def running(request: Request, user: AdminUser, forwarding: Forwarding) -> dict[str, Any]:
    """The models in memory, each with the servers that have it there."""
    found: dict[str, dict[str, Any]] = {}
    for connection, answer in await _of_all("/api/ps", user, request, forwarding):
        for model in answer.get("models") or []:
            name = model.get("model")
            if name is None:
                continue
            if connection.prefix:
                name = model["model"] = f"{connection.prefix}.{name}"
            if name in found:
                found[name]["urls"].append(connection.index)
            else:
                found[name] = {**model, "urls": [connection.index]}
    return {"models": list(found.values())}


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("-")[0]))


@router.get("/api/version", "/api/version/{url_idx}")
async def version(
    request: Request, user: VerifiedUser, forwarding: Forwarding, url_idx: int | None = None
) -> dict[str, Any]:
    """The lowest version in use."""
    if url_idx is not None and not user.is_admin:
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    if not forwarding.config.flag("ollama.enable"):
        return {"version": False}
    if url_idx is not None:
        connection = at(forwarding.ollama_connections(), url_idx)
        one: dict[str, Any] = await forwarding.ollama_json(connection, "GET", "/api/version", user, request)
        return one
    found = [str(answer.get("version")) for _, answer in await _of_all("/api/version", user, request, forwarding)]
    if not found:
        raise HttpError(500, messages.OLLAMA_NOT_FOUND)
    return {"version": min(found, key=_order)}
