"""Reranking by servers (`POST {model, query, documents, top_n}`)."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import aiohttp
import msgspec

from fastback.config import Config
from fastback.config.keys.retrieval import (
    RAG_EXTERNAL_RERANKER_API_KEY,
    RAG_EXTERNAL_RERANKER_TIMEOUT,
    RAG_EXTERNAL_RERANKER_URL,
)
from fastback.kit.json_decoding import decode_json
from fastback.providers.openai import make_user_headers
from fastback.providers.request_context import RequestContext
from fastback.providers.response_body import read_response
from fastback.settings import Settings

log = logging.getLogger("fastback.retrieval")


class _Result(msgspec.Struct):
    index: int
    relevance_score: float


class _Response(msgspec.Struct):
    results: list[_Result]


class ExternalReranker:
    """The configured server."""

    def __init__(self, client: aiohttp.ClientSession, config: Config, settings: Settings) -> None:
        self._client = client
        self._config = config
        self._settings = settings

    async def score_texts(
        self, model: str, query: str, texts: Sequence[str], *, ctx: RequestContext | None
    ) -> list[float] | None:
        """Return a score for each text, or None if the server fails, which is logged."""
        config = self._config
        url = config.get_text(RAG_EXTERNAL_RERANKER_URL)
        body = {"model": model, "query": query, "documents": list(texts), "top_n": len(texts)}
        try:
            async with self._client.post(
                url,
                data=msgspec.json.encode(body),
                headers=self._build_headers(ctx),
                timeout=aiohttp.ClientTimeout(total=_parse_seconds(config.get(RAG_EXTERNAL_RERANKER_TIMEOUT))),
            ) as response:
                response.raise_for_status()
                response_body = decode_json(await read_response(response), msgspec.json.Decoder(_Response).decode)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            log.warning("the reranker at %s failed: %s", url, error or type(error).__name__)
            return None
        results = sorted(response_body.results, key=lambda result: result.index)
        if [result.index for result in results] != list(range(len(texts))):
            log.warning("the reranker at %s failed: it scored %d of %d passages", url, len(results), len(texts))
            return None
        return [result.relevance_score for result in results]

    def _build_headers(self, ctx: RequestContext | None) -> dict[str, str]:
        headers = {
            "content-type": "application/json",
            "authorization": f"Bearer {self._config.get_text(RAG_EXTERNAL_RERANKER_API_KEY)}",
        }
        if ctx is not None and ctx.user is not None and self._settings.enable_forward_user_info_headers:
            headers |= make_user_headers(ctx.user, self._settings)
        return headers


def _parse_seconds(value: object) -> float | None:
    try:
        return float(str(value or "")) or None
    except ValueError:
        return None
