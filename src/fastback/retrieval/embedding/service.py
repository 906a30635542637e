"""The embedder: the configured engine, called in batches, and never twice for the same text."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import aiohttp

from fastback.config import Config
from fastback.config.keys.retrieval import (
    RAG_EMBEDDING_BATCH_SIZE,
    RAG_EMBEDDING_CONCURRENT_REQUESTS,
    RAG_EMBEDDING_ENGINE,
    RAG_EMBEDDING_MODEL,
    RAG_ENABLE_ASYNC_EMBEDDING,
)
from fastback.kit.priority_semaphore import PrioritySemaphore
from fastback.providers.request_context import RequestContext
from fastback.retrieval.embedding.cache import EmbeddingCache, build_key
from fastback.retrieval.embedding.engine import EmbeddingEngine
from fastback.retrieval.embedding.local import LocalEngine, LocalModels
from fastback.retrieval.embedding.remote import RemoteEngine
from fastback.retrieval.interfaces import Metadata, RetrievalError, Vector
from fastback.settings import Settings

REMOTE_ENGINES = ("openai", "azure_openai", "ollama")
#: Simultaneous requests if the configuration sets no limit.
_DEFAULT_CONCURRENCY = 32
#: The latest questions, whose vectors are cached.
_MAX_QUERIES = 64


class ConfiguredEmbedder:
    """An `interfaces.Embedder` of the configuration."""

    def __init__(
        self,
        *,
        config: Config,
        settings: Settings,
        client: aiohttp.ClientSession,
        local: LocalModels,
        cache: EmbeddingCache,
    ) -> None:
        self._config = config
        self._settings = settings
        self._client = client
        self._local = local
        self._cache = cache
        self._semaphore = PrioritySemaphore()
        self._engine: EmbeddingEngine | None = None
        self._config_version = -1
        self._query_vectors: OrderedDict[tuple[str, str], Vector] = OrderedDict()

    @property
    def signature(self) -> Metadata:
        return {
            "engine": self._config.get_text(RAG_EMBEDDING_ENGINE),
            "model": self._config.get_text(RAG_EMBEDDING_MODEL),
        }

    async def embed_content(self, texts: Sequence[str], *, ctx: RequestContext | None = None) -> list[Vector]:
        engine, prefix = self._get_engine(), self._settings.rag_embedding_content_prefix
        mark = engine.fingerprint
        keys = [build_key(mark, prefix, text) for text in texts]
        vectors_by_key = await self._cache.get_vectors(keys) if keys else {}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in vectors_by_key}
        embedded = await self._embed_missing(engine, missing, prefix, ctx)
        if embedded and _get_lengths(vectors_by_key) - _get_lengths(embedded):
            # The server has another model under the same name now: the cached vectors are not of it.
            cached_texts = {key: text for key, text in zip(keys, texts, strict=True) if key not in missing}
            embedded |= await self._embed_missing(engine, cached_texts, prefix, ctx)
        await self._cache.put_vectors(embedded)
        vectors_by_key |= embedded
        return [vectors_by_key[key] for key in keys]

    async def _embed_missing(
        self, engine: EmbeddingEngine, texts: Mapping[bytes, str], prefix: str | None, ctx: RequestContext | None
    ) -> dict[bytes, Vector]:
        vectors = await self._embed_in_batches(engine, list(texts.values()), prefix, urgent=False, ctx=ctx)
        return dict(zip(texts, vectors, strict=True))

    async def embed_queries(self, texts: Sequence[str], *, ctx: RequestContext | None = None) -> list[Vector]:
        engine, cached_vectors = self._get_engine(), self._query_vectors
        mark, prefix = engine.fingerprint, self._settings.rag_embedding_query_prefix
        # Read before anything is awaited: other questions may evict these meanwhile.
        vectors_by_text = {text: cached_vectors[mark, text] for text in texts if (mark, text) in cached_vectors}
        missing = [text for text in dict.fromkeys(texts) if text not in vectors_by_text]
        vectors = await self._embed_in_batches(engine, missing, prefix, urgent=True, ctx=ctx)
        vectors_by_text |= zip(missing, vectors, strict=True)
        for text, vector in vectors_by_text.items():
            cached_vectors[mark, text] = vector
            cached_vectors.move_to_end((mark, text))
        while len(cached_vectors) > _MAX_QUERIES:
            cached_vectors.popitem(last=False)
        return [vectors_by_text[text] for text in texts]

    def _get_engine(self) -> EmbeddingEngine:
        """Return the engine of the current configuration.

        Raises:
            RetrievalError: the configured engine is unknown.
        """
        if self._engine is None or self._config_version != self._config.version:
            name, model = self.signature["engine"], self.signature["model"]
            if not name:
                self._engine = LocalEngine(self._local, model)
            elif name in REMOTE_ENGINES:
                self._engine = RemoteEngine(
                    engine=name, model=model, config=self._config, settings=self._settings, client=self._client
                )
            else:
                raise RetrievalError(f"Unknown embedding engine: {name}")
            self._config_version = self._config.version
        return self._engine

    async def _embed_in_batches(
        self,
        engine: EmbeddingEngine,
        texts: Sequence[str],
        prefix: str | None,
        *,
        urgent: bool,
        ctx: RequestContext | None,
    ) -> list[Vector]:
        if not texts:
            return []
        if isinstance(engine, LocalEngine):  # which forms batches itself
            return await engine.embed_texts(texts, prefix, urgent=urgent, ctx=ctx)
        batch_size = max(int(self._config.get_number(RAG_EMBEDDING_BATCH_SIZE) or 1), 1)
        concurrency = (
            max(int(self._config.get_number(RAG_EMBEDDING_CONCURRENT_REQUESTS) or 0), 0) or _DEFAULT_CONCURRENCY
        )
        if not self._config.get_bool(RAG_ENABLE_ASYNC_EMBEDDING):
            concurrency = 1

        async def embed_batch(start: int) -> list[Vector]:
            async with self._semaphore.acquire(concurrency, urgent=urgent):
                return await engine.embed_texts(texts[start : start + batch_size], prefix, urgent=urgent, ctx=ctx)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(embed_batch(start)) for start in range(0, len(texts), batch_size)]
        except ExceptionGroup as failed:  # not `except*`: Python 3.11.2 groups what is raised there
            errors, others = failed.split(RetrievalError)
            if errors is None or others is not None:
                raise
            raise errors.exceptions[0] from None
        return [vector for task in tasks for vector in task.result()]

    async def close(self) -> None:
        """Stop the worker process of a model, and close the file of the cache."""
        await self._local.close()
        await self._cache.close()


def _get_lengths(vectors: Mapping[bytes, Vector]) -> set[int]:
    return {len(vector) for vector in vectors.values()}
