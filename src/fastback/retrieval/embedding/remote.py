"""Embedding by a server, in the protocols of OpenAI, Azure and Ollama."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec

from fastback.config import Config
from fastback.config.key import require_key
from fastback.config.keys.retrieval import RAG_AZURE_OPENAI_API_VERSION
from fastback.kit.json_decoding import decode_json
from fastback.providers import openai
from fastback.providers.connections import Connection
from fastback.providers.http_client import build_answer_timeout
from fastback.providers.request_context import RequestContext
from fastback.providers.response_body import MAX_ANSWER_BYTES, read_response
from fastback.retrieval.embedding import vector_encoding
from fastback.retrieval.interfaces import RetrievalError, Vector
from fastback.settings import Settings

#: Attempts of a request that the server rejects with 429, and the longest pause between two (seconds).
_ATTEMPTS, _MAX_WAIT = 5, 60.0
_NO_CONTEXT = RequestContext()


class _OpenAiItem(msgspec.Struct):
    embedding: msgspec.Raw
    index: int | None = None


class _OpenAiResponse(msgspec.Struct):
    data: list[_OpenAiItem]


class _OllamaResponse(msgspec.Struct):
    embeddings: list[msgspec.Raw]


class RemoteEngine:
    """An embedding server, with the configuration at the time of creation."""

    def __init__(
        self, *, engine: str, model: str, config: Config, settings: Settings, client: aiohttp.ClientSession
    ) -> None:
        prefix = f"rag.{engine}"
        address = "api_base_url" if engine == "openai" else "base_url"
        self._engine = engine
        self._model = model
        self._url = config.get_text(require_key(f"{prefix}.{address}")).rstrip("/")
        self._key = config.get_text(require_key(f"{prefix}.api_key"))
        self._version = config.get_text(RAG_AZURE_OPENAI_API_VERSION)
        self._settings = settings
        self._client = client
        self._field = settings.rag_embedding_prefix_field_name
        self.fingerprint = "\n".join((engine, self._url, model, self._field or ""))

    async def embed_texts(
        self, texts: Sequence[str], prefix: str | None, *, urgent: bool, ctx: RequestContext | None
    ) -> list[Vector]:
        body: dict[str, Any] = {"input": list(texts)}
        if self._engine != "azure_openai":
            body["model"] = self._model
        if self._engine == "ollama":
            body["truncate"] = True
        if prefix is not None and self._field is not None:
            body[self._field] = prefix
        elif prefix is not None:
            body["input"] = [prefix + text for text in texts]
        vectors = await self._send_request(body, ctx or _NO_CONTEXT)
        if len(vectors) != len(texts):
            raise RetrievalError(f"The embedding server sent {len(vectors)} vectors for {len(texts)} texts.")
        return vectors

    def _build_address(self) -> str:
        if self._engine == "ollama":
            return f"{self._url}/api/embed"
        if self._engine == "openai":
            return f"{self._url}/embeddings"
        deployment = quote(self._model, safe="")
        return f"{self._url}/openai/deployments/{deployment}/embeddings?api-version={quote(self._version)}"

    def _build_headers(self, ctx: RequestContext) -> dict[str, str]:
        is_azure = self._engine == "azure_openai"
        connection = Connection("openai", 0, self._url, "" if is_azure else self._key, {})
        headers = openai.build_request_headers(connection, ctx, self._settings)
        return {"content-type": "application/json", **headers, **({"api-key": self._key} if is_azure else {})}

    async def _send_request(self, body: Mapping[str, Any], ctx: RequestContext) -> list[Vector]:
        if not self._url:
            raise RetrievalError(f"No address of the embedding engine {self._engine} is configured.")
        content, headers = msgspec.json.encode(body), self._build_headers(ctx)
        for retries_left in reversed(range(_ATTEMPTS)):
            try:
                async with self._client.post(
                    self._build_address(), data=content, headers=headers, timeout=build_answer_timeout(self._settings)
                ) as response:
                    if response.status == 429 and retries_left:
                        wait = _get_retry_delay(response.headers.get("retry-after"))
                    else:
                        return await self._read_vectors(response)
            except (TimeoutError, aiohttp.ClientError, OSError) as error:
                reason = str(error) or type(error).__name__
                raise RetrievalError(f"The embedding server {self._url} cannot be reached: {reason}") from error
            await asyncio.sleep(wait)
        raise AssertionError("unreachable")

    async def _read_vectors(self, response: aiohttp.ClientResponse) -> list[Vector]:
        content = await read_response(response, MAX_ANSWER_BYTES)
        if response.status != 200:
            raise RetrievalError(f"The embedding server answered {response.status}: {_extract_reason(content)}")
        try:
            if self._engine == "ollama":
                return await vector_encoding.read_vectors(
                    decode_json(content, msgspec.json.Decoder(_OllamaResponse).decode).embeddings
                )
            items = decode_json(content, msgspec.json.Decoder(_OpenAiResponse).decode).data
            return await vector_encoding.read_vectors([item.embedding for item in _sort_by_index(items)])
        except ValueError as error:
            raise RetrievalError("The embedding server sent no embeddings.") from error


def _sort_by_index(items: list[_OpenAiItem]) -> list[_OpenAiItem]:
    """Return the items in the order of their texts. Servers that send no indexes send them in that order.

    Raises:
        RetrievalError: an index is missing, or occurs twice.
    """
    indexes = [item.index for item in items if item.index is not None]
    if not indexes:
        return items
    if sorted(indexes) != list(range(len(items))):
        raise RetrievalError("The embedding server sent vectors whose indexes do not match the texts.")
    return sorted(items, key=lambda item: item.index or 0)


def _get_retry_delay(retry_after: str | None) -> float:
    try:
        return min(max(float(retry_after or 1), 0.0), _MAX_WAIT)
    except ValueError:
        return 1.0


def _extract_reason(content: bytes) -> str:
    """Return the reason in an error response, in the few formats that servers use."""
    try:
        body = decode_json(content)
    except ValueError:
        return content[:300].decode("utf-8", "replace").strip()
    error = body.get("error", body.get("detail", body.get("message"))) if isinstance(body, dict) else body
    if isinstance(error, dict):
        error = error.get("message", error)
    return str(error)[:300]
