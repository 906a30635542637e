"""The connections as an administrator sets them up, and trying one out."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from fastback import messages
from fastback.access.guards import AdminUser
from fastback.config import Config
from fastback.features.connections.forwarding import Forwarding
from fastback.kit.http import HttpError, Json, Router
from fastback.providers import openai
from fastback.providers.connections import Connection
from fastback.providers.model_listing import ListingError, openai_list

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


class OpenAiTrial(msgspec.Struct):
    url: str
    key: str
    config: dict[str, Any] | None = None


class OllamaTrial(msgspec.Struct):
    url: str
    key: str | None = None
    config: dict[str, Any] | None = None


async def _asked(
    connection: Connection, url: str, user: AdminUser, request: Request, forwarding: Forwarding
) -> tuple[int, bytes]:
    """Status and body of a question to a server.

    Raises:
        HttpError 500: it cannot be reached.
    """
    timeout = forwarding.settings.aiohttp_client_timeout_model_list
    try:
        async with asyncio.timeout(timeout):
            response = await forwarding.send(connection, "GET", url, user, request)
            try:
                return response.status, await response.read()
            finally:
                response.release()
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        raise HttpError(500, messages.SERVER_CONNECTION_ERROR) from error


@router.post("/openai/verify")
async def verify_openai(data: OpenAiTrial, user: AdminUser, request: Request, forwarding: Forwarding) -> Any:
    """The models of a server that is not set up yet; its refusal as it comes."""
    connection = Connection("openai", 0, data.url.rstrip("/"), data.key, data.config or {})
    if connection.is_anthropic:
        try:
            ctx = await forwarding.ctx(connection, request, user)
            return await openai_list(forwarding.client, connection, forwarding.settings, ctx)
        except ListingError as error:
            raise HttpError(500, str(error)) from error
    status, body = await _asked(connection, openai.models_url(connection), user, request, forwarding)
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = body.decode("utf-8", "replace")
    if status == 200:
        return found
    return Json(found, status) if isinstance(found, (dict, list)) else PlainTextResponse(str(found), status)


@router.post("/ollama/verify")
async def verify_ollama(data: OllamaTrial, user: AdminUser, request: Request, forwarding: Forwarding) -> Any:
    connection = Connection("ollama", 0, data.url.rstrip("/"), data.key or "", data.config or {})
    status, body = await _asked(connection, f"{connection.url}/api/version", user, request, forwarding)
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise HttpError(500, f"Unexpected error: {error}") from error
    if status == 200:
        return found
    said = f"External Error: {found['error']}" if isinstance(found, dict) and "error" in found else ""
    raise HttpError(500, f"Unexpected error: {said or f'HTTP Error: {status}'}")
