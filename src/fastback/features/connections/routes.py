"""`/openai` and `/ollama`: configuration, verification, lists, and passing requests on."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec
from starlette.requests import Request

from fastback import messages
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.completions.routes import complete
from fastback.completions.service import Completions
from fastback.config import Config
from fastback.kit.http import BadRequest, HttpError, NotFound, Router
from fastback.providers import openai
from fastback.providers.connections import Connection, ollama_connections, openai_connections
from fastback.providers.registry import ModelRegistry
from fastback.providers.relay import RelayResponse
from fastback.settings import Settings

router = Router()


class OpenAiConfig(msgspec.Struct):
    OPENAI_API_BASE_URLS: list[str]
    OPENAI_API_KEYS: list[str]
    OPENAI_API_CONFIGS: dict[str, Any]
    ENABLE_OPENAI_API: bool | None = None


def _openai_config(config: Config) -> dict[str, Any]:
    return {
        "ENABLE_OPENAI_API": config.get("openai.enable"),
        "OPENAI_API_BASE_URLS": config.get("openai.api_base_urls"),
        "OPENAI_API_KEYS": config.get("openai.api_keys"),
        "OPENAI_API_CONFIGS": config.get("openai.api_configs"),
    }


@router.get("/openai/config")
async def openai_config(user: AdminUser, config: Config) -> dict[str, Any]:
    return _openai_config(config)


@router.post("/openai/config/update")
async def save_openai_config(data: OpenAiConfig, user: AdminUser, config: Config) -> dict[str, Any]:
    urls, keys = data.OPENAI_API_BASE_URLS, data.OPENAI_API_KEYS[: len(data.OPENAI_API_BASE_URLS)]
    keys += [""] * (len(urls) - len(keys))
    kept = {str(place) for place in range(len(urls))}
    await config.set_many(
        {
            "openai.enable": data.ENABLE_OPENAI_API,
            "openai.api_base_urls": urls,
            "openai.api_keys": keys,
            "openai.api_configs": {key: one for key, one in data.OPENAI_API_CONFIGS.items() if key in kept},
        }
    )
    return _openai_config(config)


class OllamaConfig(msgspec.Struct):
    OLLAMA_BASE_URLS: list[str]
    OLLAMA_API_CONFIGS: dict[str, Any]
    ENABLE_OLLAMA_API: bool | None = None


def _ollama_config(config: Config) -> dict[str, Any]:
    return {
        "ENABLE_OLLAMA_API": config.get("ollama.enable"),
        "OLLAMA_BASE_URLS": config.get("ollama.base_urls"),
        "OLLAMA_API_CONFIGS": config.get("ollama.api_configs"),
    }


@router.get("/ollama/config")
async def ollama_config(user: AdminUser, config: Config) -> dict[str, Any]:
    return _ollama_config(config)


@router.post("/ollama/config/update")
async def save_ollama_config(data: OllamaConfig, user: AdminUser, config: Config) -> dict[str, Any]:
    kept = {str(place) for place in range(len(data.OLLAMA_BASE_URLS))}
    await config.set_many(
        {
            "ollama.enable": data.ENABLE_OLLAMA_API,
            "ollama.base_urls": data.OLLAMA_BASE_URLS,
            "ollama.api_configs": {key: one for key, one in data.OLLAMA_API_CONFIGS.items() if key in kept},
        }
    )
    return _ollama_config(config)


class Verified(msgspec.Struct):
    url: str
    key: str | None = None
    config: dict[str, Any] | None = None


async def _ask(client: aiohttp.ClientSession, url: str, headers: dict[str, str], settings: Settings) -> Any:
    timeout = aiohttp.ClientTimeout(total=settings.aiohttp_client_timeout_model_list)
    try:
        async with client.get(url, headers=headers, timeout=timeout) as response:
            body = await response.read()
            if response.status != 200:
                raise HttpError(500, f"HTTP Error: {response.status}")
            return msgspec.json.decode(body)
    except (TimeoutError, aiohttp.ClientError, OSError, msgspec.DecodeError) as error:
        raise HttpError(500, messages.SERVER_CONNECTION_ERROR) from error


@router.post("/openai/verify")
async def verify_openai(data: Verified, user: AdminUser, client: aiohttp.ClientSession, settings: Settings) -> Any:
    connection = Connection("openai", 0, data.url.rstrip("/"), data.key or "", data.config or {})
    headers = openai.request_headers(connection, user, settings)
    return await _ask(client, openai.models_url(connection), headers, settings)


@router.post("/ollama/verify")
async def verify_ollama(data: Verified, user: AdminUser, client: aiohttp.ClientSession, settings: Settings) -> Any:
    connection = Connection("ollama", 0, data.url.rstrip("/"), data.key or "", {})
    headers = openai.request_headers(connection, user, settings)
    return await _ask(client, f"{connection.url}/api/version", headers, settings)


@router.get("/ollama", "/ollama/")
async def ollama_here() -> dict[str, bool]:
    return {"status": True}


@router.get("/openai/models", "/openai/v1/models")
async def openai_models(user: VerifiedUser, registry: ModelRegistry) -> dict[str, Any]:
    found = [one.entry for one in await registry.visible(user) if one.owned_by == "openai"]
    return {"data": found, "object": "list"}


@router.get("/openai/models/{index}")
async def models_of(
    index: int, user: AdminUser, config: Config, client: aiohttp.ClientSession, settings: Settings
) -> Any:
    connection = _at(openai_connections(config), index)
    headers = openai.request_headers(connection, user, settings)
    return await _ask(client, openai.models_url(connection), headers, settings)


def _at(connections: list[Connection], index: int) -> Connection:
    if not 0 <= index < len(connections):
        raise NotFound(messages.NOT_FOUND)
    return connections[index]


@router.post("/openai/chat/completions", "/openai/v1/chat/completions")
async def openai_chat(data: dict[str, Any], user: VerifiedUser, completions: Completions) -> Any:
    return await complete(data, user, completions)


def _ollama(config: Config, index: int | None) -> Connection:
    if not config.flag("ollama.enable"):
        raise HttpError(503, messages.OLLAMA_API_DISABLED)
    connections = [one for one in ollama_connections(config) if one.enabled]
    if not connections:
        raise HttpError(503, messages.OLLAMA_NOT_FOUND)
    return connections[0] if index is None else _at(connections, index)


async def _from_ollama(
    config: Config, client: aiohttp.ClientSession, settings: Settings, path: str, index: int | None
) -> Any:
    connection = _ollama(config, index)
    return await _ask(client, f"{connection.url}{path}", openai.request_headers(connection, None, settings), settings)


@router.get("/ollama/api/version", "/ollama/api/version/{index}")
async def ollama_version(
    request: Request, user: VerifiedUser, config: Config, client: aiohttp.ClientSession, settings: Settings
) -> Any:
    if not config.flag("ollama.enable"):
        return {"version": False}
    last = request.url.path.rsplit("/", 1)[-1]
    try:
        return await _from_ollama(config, client, settings, "/api/version", int(last) if last.isdigit() else None)
    except HttpError:
        return {"version": False}


@router.get("/ollama/api/tags")
async def ollama_tags(user: VerifiedUser, registry: ModelRegistry) -> dict[str, Any]:
    found = [one.entry["ollama"] for one in await registry.visible(user) if "ollama" in one.entry]
    return {"models": found}


@router.get("/ollama/api/ps")
async def ollama_running(user: AdminUser, config: Config, client: aiohttp.ClientSession, settings: Settings) -> Any:
    return await _from_ollama(config, client, settings, "/api/ps", None)


async def _pass_on(
    path: str,
    data: dict[str, Any],
    user: Any,
    completions: Completions,
    client: aiohttp.ClientSession,
    settings: Settings,
) -> RelayResponse:
    """A request for one of Ollama's models, passed on to the server that has it."""
    name = data.get("model") or data.get("name")
    if not isinstance(name, str):
        raise BadRequest("Model not found")
    model = await completions.registry.find(name) or await completions.registry.find(f"{name}:latest")
    if model is None or model.connection is None or model.connection.kind != "ollama":
        raise BadRequest(messages.model_not_found(name))
    await completions.registry.check_access(user, model)
    connection = model.connection
    key = "model" if "model" in data else "name"
    headers = {**openai.request_headers(connection, user, settings), "content-type": "application/json"}
    body = msgspec.json.encode({**data, key: model.upstream_id})
    try:
        response = await client.post(f"{connection.url}{path}", data=body, headers=headers)
    except (aiohttp.ClientError, OSError) as error:
        raise HttpError(500, messages.SERVER_CONNECTION_ERROR) from error
    return RelayResponse(response)


@router.post("/ollama/api/chat")
async def ollama_chat(
    data: dict[str, Any],
    user: VerifiedUser,
    completions: Completions,
    client: aiohttp.ClientSession,
    settings: Settings,
) -> RelayResponse:
    return await _pass_on("/api/chat", data, user, completions, client, settings)


@router.post("/ollama/api/generate")
async def ollama_generate(
    data: dict[str, Any],
    user: VerifiedUser,
    completions: Completions,
    client: aiohttp.ClientSession,
    settings: Settings,
) -> RelayResponse:
    return await _pass_on("/api/generate", data, user, completions, client, settings)


@router.post("/ollama/api/embed")
async def ollama_embed(
    data: dict[str, Any],
    user: VerifiedUser,
    completions: Completions,
    client: aiohttp.ClientSession,
    settings: Settings,
) -> RelayResponse:
    return await _pass_on("/api/embed", data, user, completions, client, settings)


@router.post("/ollama/api/embeddings")
async def ollama_embeddings(
    data: dict[str, Any],
    user: VerifiedUser,
    completions: Completions,
    client: aiohttp.ClientSession,
    settings: Settings,
) -> RelayResponse:
    return await _pass_on("/api/embeddings", data, user, completions, client, settings)


@router.post("/ollama/api/show")
async def ollama_show(
    data: dict[str, Any],
    user: VerifiedUser,
    completions: Completions,
    client: aiohttp.ClientSession,
    settings: Settings,
) -> RelayResponse:
    return await _pass_on("/api/show", data, user, completions, client, settings)


@router.post("/ollama/v1/chat/completions")
async def ollama_openai_chat(data: dict[str, Any], user: VerifiedUser, completions: Completions) -> Any:
    return await complete(data, user, completions)
