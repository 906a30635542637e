"""Asking a connection for its models, and what of the answer becomes an entry of the list."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec

from fastback.kit.http.errors import NotBuilt
from fastback.providers import openai
from fastback.providers.connections import Connection
from fastback.providers.request_context import RequestContext
from fastback.settings import Settings

Entry = dict[str, Any]

#: Models of OpenAI itself that cannot chat.
_NO_CHAT = ("babbage", "dall-e", "davinci", "embedding", "tts", "whisper")


class ListingError(Exception):
    """A connection did not give its models; the text says why."""


async def _get(client: aiohttp.ClientSession, url: str, headers: dict[str, str], timeout: float | None) -> Any:
    try:
        async with client.get(url, headers=headers, timeout=aiohttp.ClientTimeout(total=timeout)) as response:
            body = await response.read()
            if response.status != 200:
                raise ListingError(f"HTTP {response.status}")
            return msgspec.json.decode(body)
    except TimeoutError as error:
        raise ListingError("it did not answer in time") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ListingError("it answered something that is no JSON") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: an address that aiohttp does not take
        raise ListingError(str(error) or type(error).__name__) from error


async def _anthropic(client: aiohttp.ClientSession, connection: Connection, timeout: float | None) -> list[Entry]:
    """Anthropic's own list, in OpenAI's form; a thousand models a page."""
    headers = {"x-api-key": connection.key, "anthropic-version": openai.ANTHROPIC_VERSION}
    found: list[Entry] = []
    after = ""
    while True:
        url = f"{connection.url}/models?limit=1000" + (f"&after_id={quote(after, safe='')}" if after else "")
        answer = await _get(client, url, headers, timeout)
        page = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(page, list):
            raise ListingError("it answered no list of models")
        for one in page:
            name = one.get("display_name", one.get("id"))
            found.append({"id": one.get("id"), "object": "model", "created": 0, "owned_by": "anthropic", "name": name})
        after = answer.get("last_id") or ""
        if not answer.get("has_more") or not after:
            return found


async def openai_list(
    client: aiohttp.ClientSession, connection: Connection, settings: Settings, ctx: RequestContext | None = None
) -> Any:
    """What an OpenAI-compatible server answers when asked for its models.

    Raises:
        ListingError: it did not answer as it should.
    """
    timeout = settings.aiohttp_client_timeout_model_list
    if connection.is_anthropic:
        return {"object": "list", "data": await _anthropic(client, connection, timeout)}
    return await _get(client, openai.models_url(connection), _headers(connection, settings, ctx), timeout)


def _headers(connection: Connection, settings: Settings, ctx: RequestContext | None = None) -> dict[str, str]:
    try:
        return openai.request_headers(connection, ctx or RequestContext(), settings)
    except NotBuilt as error:
        raise ListingError(str(error.detail)) from error


async def openai_entries(client: aiohttp.ClientSession, connection: Connection, settings: Settings) -> list[Entry]:
    """The entries of an OpenAI-compatible connection; a list of model ids in its options spares the question.

    Raises:
        ListingError: the connection did not answer as it should.
    """
    found: Any
    if connection.model_ids:
        found = [
            {"id": one, "name": one, "owned_by": "openai", "openai": {"id": one}, "urlIdx": connection.index}
            for one in connection.model_ids
        ]
    else:
        answer = await openai_list(client, connection, settings)
        found = answer.get("data") if isinstance(answer, dict) else answer
        if not isinstance(found, list):
            raise ListingError("it answered no list of models")
    entries: dict[str, Entry] = {}
    for model in found:
        model_id = (model.get("id") or model.get("name")) if isinstance(model, dict) else None
        if not isinstance(model_id, str) or not model_id or model_id in entries:
            continue
        if not can_chat(connection, model_id):
            continue
        entries[model_id] = _openai_entry(connection, model, model_id)
    return list(entries.values())


def can_chat(connection: Connection, model_id: str) -> bool:
    """Whether a model is worth showing: OpenAI lists all it has."""
    return urlsplit(connection.url).hostname != "api.openai.com" or not any(word in model_id for word in _NO_CHAT)


def _openai_entry(connection: Connection, model: Entry, model_id: str) -> Entry:
    prefix = connection.prefix
    kind = connection.options.get("connection_type", "external")
    provider = connection.options.get("provider") or ""
    raw = {key: value for key, value in model.items() if key != "name" or value is not None}
    raw.setdefault("id", model_id)
    if prefix:
        raw["id"] = f"{prefix}.{model_id}"
        if raw.get("name"):
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
    loaded = _loaded(raw, provider, manual=bool(connection.model_ids))
    if loaded is not None:
        entry["loaded"] = loaded
    return entry


def _loaded(model: Entry, provider: str, *, manual: bool) -> bool | None:
    """Whether a server that loads models by need has this one in memory; None where nobody can tell."""
    if provider == "lmstudio":
        if model.get("loaded_instances"):
            return True
        return {"loaded": True, "not-loaded": False}.get(str(model.get("state")))
    if provider != "llama.cpp":
        return None
    status = model.get("status")
    known = {"loaded": True, "sleeping": True, "loading": False, "unloaded": False}
    if isinstance(status, dict) and status.get("value") in known:
        return known[status["value"]]
    # A server that says nothing about it has one model only, and that one is loaded.
    return True if not manual and "status" not in model else None


async def ollama_entries(client: aiohttp.ClientSession, connection: Connection, settings: Settings) -> list[Entry]:
    """The entries of an Ollama connection, with what is loaded right now.

    Raises:
        ListingError: the connection did not answer as it should.
    """
    headers = _headers(connection, settings)
    timeout = settings.aiohttp_client_timeout_model_list
    answer = await _get(client, f"{connection.url}/api/tags", headers, timeout)
    models = answer.get("models") if isinstance(answer, dict) else None
    if not isinstance(models, list):
        raise ListingError("it answered no list of models")
    try:
        running = await _get(client, f"{connection.url}/api/ps", headers, timeout)
        expires = {
            one["model"]: int(datetime.fromisoformat(one["expires_at"]).timestamp())
            for one in running.get("models") or []
            if one.get("expires_at")
        }
    except (ListingError, AttributeError, KeyError, TypeError, ValueError):
        expires = {}
    entries: list[Entry] = []
    for model in models:
        name = model.get("model") if isinstance(model, dict) else None
        if not isinstance(name, str) or (connection.model_ids and name not in connection.model_ids):
            continue
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
        if name in expires:
            raw["expires_at"] = expires[name]
        entries.append(
            {
                "id": raw["model"],
                "name": raw.get("name") or raw["model"],
                "object": "model",
                "created": 0,
                "owned_by": "ollama",
                "ollama": raw,
                "loaded": name in expires,
                "connection_type": raw.get("connection_type", "local"),
                "tags": raw.get("tags", []),
            }
        )
    return entries
