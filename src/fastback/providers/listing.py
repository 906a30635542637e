"""Asking a connection for its models, and what of the answer becomes an entry of the list."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec

from fastback.providers import openai
from fastback.providers.connections import Connection
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
    except (aiohttp.ClientError, OSError) as error:
        raise ListingError(str(error) or type(error).__name__) from error
    except msgspec.DecodeError as error:
        raise ListingError("it answered something that is no JSON") from error


async def openai_entries(client: aiohttp.ClientSession, connection: Connection, settings: Settings) -> list[Entry]:
    """The entries of an OpenAI-compatible connection; a list of model ids in its options spares the question.

    Raises:
        ListingError: the connection did not answer as it should.
    """
    if connection.model_ids:
        found = [{"id": one, "name": one, "owned_by": "openai"} for one in connection.model_ids]
    else:
        headers = openai.request_headers(connection, None, settings)
        answer = await _get(client, openai.models_url(connection), headers, settings.aiohttp_client_timeout_model_list)
        found = answer.get("data") if isinstance(answer, dict) else answer
        if not isinstance(found, list):
            raise ListingError("it answered no list of models")
    entries: list[Entry] = []
    for model in found:
        model_id = (model.get("id") or model.get("name")) if isinstance(model, dict) else None
        if not isinstance(model_id, str) or not model_id:
            continue
        if "api.openai.com" in connection.url and any(word in model_id for word in _NO_CHAT):
            continue
        entries.append(_openai_entry(connection, {**model, "id": model_id}))
    return entries


def _openai_entry(connection: Connection, model: Entry) -> Entry:
    upstream_id = model["id"]
    prefix = connection.prefix
    kind = connection.options.get("connection_type") or "external"
    shown = {**model, "connection_type": kind}
    if prefix:
        shown["id"] = f"{prefix}.{upstream_id}"
    entry: Entry = {
        **shown,
        "name": model.get("name") or upstream_id,
        "owned_by": "openai",
        "openai": {**model, "connection_type": kind},
        "connection_type": kind,
        "provider": connection.options.get("provider") or "",
        "urlIdx": connection.index,
    }
    if connection.tags:
        entry["tags"] = connection.tags
    return entry


async def ollama_entries(client: aiohttp.ClientSession, connection: Connection, settings: Settings) -> list[Entry]:
    """The entries of an Ollama connection, with what is loaded right now.

    Raises:
        ListingError: the connection did not answer as it should.
    """
    headers = openai.request_headers(connection, None, settings)
    timeout = settings.aiohttp_client_timeout_model_list
    answer = await _get(client, f"{connection.url}/api/tags", headers, timeout)
    models = answer.get("models") if isinstance(answer, dict) else None
    if not isinstance(models, list):
        raise ListingError("it answered no list of models")
    try:
        running = await _get(client, f"{connection.url}/api/ps", headers, timeout)
        expires = {one["model"]: one.get("expires_at") for one in running.get("models") or []}
    except (ListingError, AttributeError, KeyError, TypeError):
        expires = {}
    entries: list[Entry] = []
    for model in models:
        name = model.get("model") if isinstance(model, dict) else None
        if not isinstance(name, str) or (connection.model_ids and name not in connection.model_ids):
            continue
        raw: Entry = {**model, "connection_type": connection.options.get("connection_type") or "local"}
        if connection.tags:
            raw["tags"] = connection.tags
        if connection.prefix:
            raw["model"] = f"{connection.prefix}.{name}"
        raw["urls"] = [connection.index]
        if name in expires:
            raw["expires_at"] = expires[name]
        entries.append(
            {
                "id": raw["model"],
                "name": raw.get("name") or name,
                "object": "model",
                "created": 0,
                "owned_by": "ollama",
                "ollama": raw,
                "loaded": name in expires,
                "connection_type": raw["connection_type"],
                "tags": raw.get("tags", []),
            }
        )
    return entries
