"""Routes for the connections: read and update their configuration, verify a connection before it is saved."""

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
from fastback.config.keys import connections as connections_keys
from fastback.features.connections.forwarding import RequestForwarder
from fastback.kit.http import BadRequest, HttpError, Json, Router
from fastback.kit.json_decoding import decode_json
from fastback.providers import openai
from fastback.providers.connections import Connection
from fastback.providers.model_listing import ListingError, fetch_openai_models
from fastback.providers.response_body import read_response

router = Router()


class OpenAiConfigForm(msgspec.Struct):
    OPENAI_API_BASE_URLS: list[str]
    OPENAI_API_KEYS: list[str]
    OPENAI_API_CONFIGS: dict[str, Any]
    ENABLE_OPENAI_API: bool | None = None


def _dump_openai_config(config: Config) -> dict[str, Any]:
    return {
        "ENABLE_OPENAI_API": config.get(connections_keys.OPENAI_ENABLE),
        "OPENAI_API_BASE_URLS": config.get(connections_keys.OPENAI_API_BASE_URLS),
        "OPENAI_API_KEYS": config.get(connections_keys.OPENAI_API_KEYS),
        "OPENAI_API_CONFIGS": config.get(connections_keys.OPENAI_API_CONFIGS),
    }


@router.get("/openai/config")
async def get_openai_config(user: AdminUser, config: Config) -> dict[str, Any]:
    """Return the configuration of the OpenAI-compatible connections."""
    return _dump_openai_config(config)


@router.post("/openai/config/update")
async def update_openai_config(data: OpenAiConfigForm, user: AdminUser, config: Config) -> dict[str, Any]:
    """Store the OpenAI-compatible connections; options of connections that no longer exist are dropped."""
    urls, keys = data.OPENAI_API_BASE_URLS, data.OPENAI_API_KEYS[: len(data.OPENAI_API_BASE_URLS)]
    keys += [""] * (len(urls) - len(keys))
    valid_indexes = {str(index) for index in range(len(urls))}
    await config.set_many(
        {
            connections_keys.OPENAI_ENABLE: data.ENABLE_OPENAI_API,
            connections_keys.OPENAI_API_BASE_URLS: urls,
            connections_keys.OPENAI_API_KEYS: keys,
            connections_keys.OPENAI_API_CONFIGS: {
                key: options for key, options in data.OPENAI_API_CONFIGS.items() if key in valid_indexes
            },
        }
    )
    return _dump_openai_config(config)


class OllamaConfigForm(msgspec.Struct):
    OLLAMA_BASE_URLS: list[str]
    OLLAMA_API_CONFIGS: dict[str, Any]
    ENABLE_OLLAMA_API: bool | None = None


def _dump_ollama_config(config: Config) -> dict[str, Any]:
    return {
        "ENABLE_OLLAMA_API": config.get(connections_keys.OLLAMA_ENABLE),
        "OLLAMA_BASE_URLS": config.get(connections_keys.OLLAMA_BASE_URLS),
        "OLLAMA_API_CONFIGS": config.get(connections_keys.OLLAMA_API_CONFIGS),
    }


@router.get("/ollama/config")
async def get_ollama_config(user: AdminUser, config: Config) -> dict[str, Any]:
    """Return the configuration of the Ollama connections."""
    return _dump_ollama_config(config)


@router.post("/ollama/config/update")
async def update_ollama_config(data: OllamaConfigForm, user: AdminUser, config: Config) -> dict[str, Any]:
    """Store the Ollama connections; options of connections that no longer exist are dropped."""
    valid_indexes = {str(index) for index in range(len(data.OLLAMA_BASE_URLS))}
    await config.set_many(
        {
            connections_keys.OLLAMA_ENABLE: data.ENABLE_OLLAMA_API,
            connections_keys.OLLAMA_BASE_URLS: data.OLLAMA_BASE_URLS,
            connections_keys.OLLAMA_API_CONFIGS: {
                key: options for key, options in data.OLLAMA_API_CONFIGS.items() if key in valid_indexes
            },
        }
    )
    return _dump_ollama_config(config)


class OpenAiVerifyForm(msgspec.Struct):
    url: str
    key: str
    config: dict[str, Any] | None = None


class OllamaVerifyForm(msgspec.Struct):
    url: str
    key: str | None = None
    config: dict[str, Any] | None = None


async def _query_server(
    connection: Connection, url: str, user: AdminUser, request: Request, forwarding: RequestForwarder
) -> tuple[int, bytes]:
    """Send a GET request to a server and return status and body of its response.

    Raises:
        BadRequest: the URL is invalid. HttpError 500: the server cannot be reached.
    """
    timeout = forwarding.settings.aiohttp_client_timeout_model_list
    try:
        async with asyncio.timeout(timeout):
            response = await forwarding.send_request(connection, "GET", url, user, request)
            try:
                return response.status, await read_response(response)
            finally:
                response.release()
    except ValueError as error:  # `aiohttp.InvalidURL`, or an address that is too long
        raise BadRequest(messages.INVALID_URL) from error
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise HttpError(500, messages.SERVER_CONNECTION_ERROR) from error


@router.post("/openai/verify")
async def verify_openai_connection(
    data: OpenAiVerifyForm, user: AdminUser, request: Request, forwarding: RequestForwarder
) -> Any:
    """Return the model list of a server that is not saved yet; pass its error response through unchanged."""
    connection = Connection("openai", 0, data.url.rstrip("/"), data.key, data.config or {})
    if connection.is_anthropic:
        try:
            ctx = await forwarding.build_context(connection, request, user)
            return await fetch_openai_models(forwarding.client, connection, forwarding.settings, ctx)
        except ListingError as error:
            raise HttpError(500, str(error)) from error
    status, body = await _query_server(connection, openai.build_models_url(connection), user, request, forwarding)
    try:
        content = decode_json(body)
    except msgspec.DecodeError:
        content = body.decode("utf-8", "replace")
    if status == 200:
        return content
    return Json(content, status) if isinstance(content, (dict, list)) else PlainTextResponse(str(content), status)


@router.post("/ollama/verify")
async def verify_ollama_connection(
    data: OllamaVerifyForm, user: AdminUser, request: Request, forwarding: RequestForwarder
) -> Any:
    """Return the version of an Ollama server that is not saved yet."""
    connection = Connection("ollama", 0, data.url.rstrip("/"), data.key or "", data.config or {})
    status, body = await _query_server(connection, f"{connection.url}/api/version", user, request, forwarding)
    try:
        content = decode_json(body)
    except msgspec.DecodeError as error:
        raise HttpError(500, f"Unexpected error: {error}") from error
    if status == 200:
        return content
    detail = f"External Error: {content['error']}" if isinstance(content, dict) and "error" in content else ""
    raise HttpError(500, f"Unexpected error: {detail or f'HTTP Error: {status}'}")
