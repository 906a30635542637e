"""The configured reranker."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import aiohttp

from fastback.config import Config
from fastback.config.keys.retrieval import RAG_RERANKING_BATCH_SIZE, RAG_RERANKING_ENGINE, RAG_RERANKING_MODEL
from fastback.providers.request_context import RequestContext
from fastback.retrieval.interfaces import RetrievalError
from fastback.retrieval.reranking.external import ExternalReranker
from fastback.retrieval.reranking.local import LocalReranker
from fastback.settings import Settings

log = logging.getLogger("fastback.retrieval")

EXTERNAL = "external"


class ConfiguredReranker:
    """An `interfaces.Reranker` of the configuration. Every engine but the external one is a model on this machine."""

    def __init__(
        self, *, client: aiohttp.ClientSession, config: Config, settings: Settings, local: LocalReranker
    ) -> None:
        self._config = config
        self._external = ExternalReranker(client, config, settings)
        self._local = local

    async def score_texts(
        self, query: str, texts: Sequence[str], *, ctx: RequestContext | None = None
    ) -> list[float] | None:
        model = self._config.get_text(RAG_RERANKING_MODEL)
        if not model or not texts:
            return None
        if self._config.get_text(RAG_RERANKING_ENGINE) == EXTERNAL:
            return await self._external.score_texts(model, query, texts, ctx=ctx)
        batch = int(self._config.get_number(RAG_RERANKING_BATCH_SIZE) or 1)
        try:
            return await self._local.score_texts(model, query, texts, batch=batch)
        except RetrievalError as error:
            log.warning("passages keep the order that they were found in: %s", error)
            return None

    async def check_model(self, engine: str, model: str) -> None:
        if model and engine != EXTERNAL:
            await self._local.check_model(model)

    async def close(self) -> None:
        """Stop the worker process of a model."""
        await self._local.close()
