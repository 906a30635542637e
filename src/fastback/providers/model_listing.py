"""List the models of a connection's server, as entries of the list of models."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeGuard
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec

from fastback.kit.http.errors import NotBuilt
from fastback.providers import openai
from fastback.providers.connections import Connection
from fastback.providers.model_checks import MAX_NAME_LENGTH, clean_entry
from fastback.providers.request_context import RequestContext
from fastback.providers.response_body import read_json_response
from fastback.settings import Settings

Entry = dict[str, Any]

#: Pages of Anthropic's list that are read at most; each has up to a thousand models.
_MAX_PAGES = 20
#: Parts of the names of OpenAI's own models that cannot chat.
_NO_CHAT_NAMES = ("babbage", "dall-e", "davinci", "embedding", "tts", "whisper")


class ListingError(Exception):
    """A server did not list its models; the text says why. `is_down` says that it may do so soon."""

    def __init__(self, text: str, *, is_down: bool = False) -> None:
        super().__init__(text)
        self.is_down = is_down


async def _fetch_json(client: aiohttp.ClientSession, url: str, headers: dict[str, str], timeout: float | None) -> Any:
    """Return the decoded response.

    Raises:
        ListingError: the server did not answer in time, not with 200, or not with JSON.
    """
    try:
        async with client.get(url, headers=headers, timeout=aiohttp.ClientTimeout(total=timeout)) as response:
            if response.status != 200:
                raise ListingError(f"HTTP {response.status}", is_down=response.status >= 500)
            return await read_json_response(response)
    except TimeoutError as error:
        raise ListingError("it did not answer in time", is_down=True) from error
    except msgspec.DecodeError as error:
        raise ListingError("it answered something that is no JSON") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: an address that aiohttp refuses
        is_down = not isinstance(error, ValueError)
        raise ListingError(str(error) or type(error).__name__, is_down=is_down) from error


async def _list_anthropic_models(
    client: aiohttp.ClientSession, connection: Connection, timeout: float | None
) -> list[Entry]:
    """Return Anthropic's own list in OpenAI's form; it is read in pages of a thousand models.

    Raises:
        ListingError: the server did not answer as it should.
    """
    headers = {"x-api-key": connection.key, "anthropic-version": openai.ANTHROPIC_VERSION}
    models: list[Entry] = []
    last_id = ""
    for _ in range(_MAX_PAGES):
        url = f"{connection.url}/models?limit=1000" + (f"&after_id={quote(last_id, safe='')}" if last_id else "")
        response = await _fetch_json(client, url, headers, timeout)
        page = response.get("data") if isinstance(response, dict) else None
        if not isinstance(page, list):
            raise ListingError("it answered no list of models")
        for model in page:
            if isinstance(model, dict):
                model_id, name = model.get("id"), model.get("display_name", model.get("id"))
                models.append({"id": model_id, "object": "model", "created": 0, "owned_by": "anthropic", "name": name})
        last_id = response.get("last_id")
        if not response.get("has_more") or not isinstance(last_id, str) or not last_id:
            break
    return models


async def fetch_openai_models(
    client: aiohttp.ClientSession, connection: Connection, settings: Settings, ctx: RequestContext | None = None
) -> Any:
    """Return the response of an OpenAI-compatible server that is asked for its models.

    Raises:
        ListingError: the server did not answer as it should.
    """
    timeout = settings.aiohttp_client_timeout_model_list
    if connection.is_anthropic:
        return {"object": "list", "data": await _list_anthropic_models(client, connection, timeout)}
    headers = _build_headers(connection, settings, ctx)
    return await _fetch_json(client, openai.build_models_url(connection), headers, timeout)


def _build_headers(connection: Connection, settings: Settings, ctx: RequestContext | None = None) -> dict[str, str]:
    try:
        return openai.build_request_headers(connection, ctx or RequestContext(), settings)
    except NotBuilt as error:
        raise ListingError(str(error.detail)) from error


async def list_openai_entries(
    client: aiohttp.ClientSession, connection: Connection, settings: Settings, ctx: RequestContext | None = None
) -> list[Entry]:
    """List the entries of an OpenAI-compatible connection; the server is not asked where its options list model ids.

    Raises:
        ListingError: the connection did not answer as it should.
    """
    models: Any
    if connection.model_ids:
        models = [
            {
                "id": model_id,
                "name": model_id,
                "owned_by": "openai",
                "openai": {"id": model_id},
                "urlIdx": connection.index,
            }
            for model_id in connection.model_ids
        ]
    else:
        response = await fetch_openai_models(client, connection, settings, ctx)
        models = response.get("data") if isinstance(response, dict) else response
        if not isinstance(models, list):
            raise ListingError("it answered no list of models")
    entries: dict[str, Entry] = {}
    for model in models:
        model_id = (model.get("id") or model.get("name")) if isinstance(model, dict) else None
        if _is_valid_id(model_id) and model_id not in entries and can_chat(connection, model_id):
            entries[model_id] = _build_openai_entry(connection, clean_entry(model), model_id)
    return list(entries.values())


def _is_valid_id(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME_LENGTH


def can_chat(connection: Connection, model_id: str) -> bool:
    """Return whether a model can chat: OpenAI lists all its models, and their names tell."""
    return urlsplit(connection.url).hostname != "api.openai.com" or not any(name in model_id for name in _NO_CHAT_NAMES)


def _build_openai_entry(connection: Connection, model: Entry, model_id: str) -> Entry:
    prefix = connection.prefix
    kind = connection.options.get("connection_type", "external")
    provider = connection.options.get("provider") or ""
    raw = {key: value for key, value in model.items() if key != "name" or value is not None}
    raw["id"] = f"{prefix}.{model_id}" if prefix else model_id
    if prefix and raw.get("name"):
        raw["name"] = f"{prefix}.{raw['name']}"
    if connection.tags:
        raw["tags"] = connection.tags
    if kind:
        raw["connection_type"] = kind
    if provider:
        raw["provider"] = provider
    entry: Entry = {
        **raw,
        "name": raw.get("name", raw["id"]),
        "owned_by": "openai",
        "openai": raw,
        "connection_type": kind or "external",
        "provider": provider,
        "urlIdx": connection.index,
    }
    loaded = _find_loaded(raw, provider, is_manual=bool(connection.model_ids))
    if loaded is not None:
        entry["loaded"] = loaded
    return entry


def _find_loaded(model: Entry, provider: str, *, is_manual: bool) -> bool | None:
    """Return whether a server that loads models on demand has this one in memory; None where it does not tell."""
    if provider == "lmstudio":
        if model.get("loaded_instances"):
            return True
        return {"loaded": True, "not-loaded": False}.get(str(model.get("state")))
    if provider != "llama.cpp":
        return None
    status = model.get("status")
    states = {"loaded": True, "sleeping": True, "loading": False, "unloaded": False}
    state = status.get("value") if isinstance(status, dict) else None
    if isinstance(state, str) and state in states:
        return states[state]
    # A server without this status serves a single model, which is loaded.
    return True if not is_manual and "status" not in model else None


async def list_ollama_entries(client: aiohttp.ClientSession, connection: Connection, settings: Settings) -> list[Entry]:
    """List the entries of an Ollama connection, with which models are loaded now.

    Raises:
        ListingError: the connection did not answer as it should.
    """
    headers = _build_headers(connection, settings)
    timeout = settings.aiohttp_client_timeout_model_list
    response = await _fetch_json(client, f"{connection.url}/api/tags", headers, timeout)
    models = response.get("models") if isinstance(response, dict) else None
    if not isinstance(models, list):
        raise ListingError("it answered no list of models")
    expiry_times = await _list_expiry_times(client, connection, headers, timeout)
    entries: dict[str, Entry] = {}
    for model in models:
        name = model.get("model") if isinstance(model, dict) else None
        if _is_valid_id(name) and name not in entries and (not connection.model_ids or name in connection.model_ids):
            entries[name] = _build_ollama_entry(connection, clean_entry(model), name, expiry_times.get(name))
    return list(entries.values())


async def _list_expiry_times(
    client: aiohttp.ClientSession, connection: Connection, headers: dict[str, str], timeout: float | None
) -> dict[str, int]:
    """Return when Ollama unloads each loaded model, in seconds since 1970; empty where it does not tell."""
    try:
        running = await _fetch_json(client, f"{connection.url}/api/ps", headers, timeout)
    except ListingError:
        return {}
    models = running.get("models") if isinstance(running, dict) else None
    expiry_times: dict[str, int] = {}
    for model in models if isinstance(models, list) else []:
        try:
            expiry_times[model["model"]] = int(datetime.fromisoformat(model["expires_at"]).timestamp())
        except (KeyError, TypeError, ValueError, OverflowError):
            continue  # an odd entry, or a model that is never unloaded
    return expiry_times


def _build_ollama_entry(connection: Connection, model: Entry, name: str, expires_at: int | None) -> Entry:
    raw: Entry = dict(model)
    if connection.prefix:
        raw["model"] = f"{connection.prefix}.{name}"
        if raw.get("name"):
            raw["name"] = f"{connection.prefix}.{raw['name']}"
    if connection.tags:
        raw["tags"] = connection.tags
    kind = connection.options.get("connection_type", "local")
    if kind:
        raw["connection_type"] = kind
    raw["urls"] = [connection.index]
    if expires_at is not None:
        raw["expires_at"] = expires_at
    return {
        "id": raw["model"],
        "name": raw.get("name") or raw["model"],
        "object": "model",
        "created": 0,
        "owned_by": "ollama",
        "ollama": raw,
        "loaded": expires_at is not None,
        "connection_type": raw.get("connection_type", "local"),
        "tags": raw.get("tags", []),
    }
