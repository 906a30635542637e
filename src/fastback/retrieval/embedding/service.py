"""The embedder: the configured engine, asked in batches, and never twice for the same."""

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
from fastback.retrieval.embedding.cache import EmbeddingCache, key_of
from fastback.retrieval.embedding.engine import Engine
from fastback.retrieval.embedding.local import Local, LocalEngine
from fastback.retrieval.embedding.remote import Remote
from fastback.retrieval.interfaces import Metadata, RetrievalError, Vector
from fastback.settings import Settings

REMOTE = ("openai", "azure_openai", "ollama")
#: Requests at the same time where the configuration sets no limit.
_MANY = 32
#: Questions whose vectors are remembered, the latest ones.
_QUESTIONS = 64


class Embeddings:
    """See `fastback.retrieval.interfaces.Embedder`."""

    def __init__(
        self,
        *,
        config: Config,
        settings: Settings,
        client: aiohttp.ClientSession,
        local: Local,
        cache: EmbeddingCache,
    ) -> None:
        self._config = config
        self._settings = settings
        self._client = client
        self._local = local
        self._cache = cache
        self._gate = PrioritySemaphore()
        self._engine: Engine | None = None
        self._version = -1
        self._questions: OrderedDict[tuple[str, str], Vector] = OrderedDict()

    @property
    def signature(self) -> Metadata:
        return {
            "engine": self._config.text(RAG_EMBEDDING_ENGINE),
            "model": self._config.text(RAG_EMBEDDING_MODEL),
        }

    async def content(self, texts: Sequence[str], *, ctx: RequestContext | None = None) -> list[Vector]:
        engine, prefix = self._current(), self._settings.rag_embedding_content_prefix
        mark = engine.mark
        keys = [key_of(mark, prefix, text) for text in texts]
        found = await self._cache.get(keys) if keys else {}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        made = await self._content(engine, missing, prefix, ctx)
        if made and _lengths(found) - _lengths(made):
            # The server has another model under the same name by now: nothing that is remembered is of it.
            rest = {key: text for key, text in zip(keys, texts, strict=True) if key not in missing}
            made |= await self._content(engine, rest, prefix, ctx)
        await self._cache.put(made)
        found |= made
        return [found[key] for key in keys]

    async def _content(
        self, engine: Engine, texts: Mapping[bytes, str], prefix: str | None, ctx: RequestContext | None
    ) -> dict[bytes, Vector]:
        vectors = await self._made(engine, list(texts.values()), prefix, urgent=False, ctx=ctx)
        return dict(zip(texts, vectors, strict=True))

    async def queries(self, texts: Sequence[str], *, ctx: RequestContext | None = None) -> list[Vector]:
        engine, known = self._current(), self._questions
        mark, prefix = engine.mark, self._settings.rag_embedding_query_prefix
        # Taken before anything is waited for: other questions may push these out meanwhile.
        found = {text: known[mark, text] for text in texts if (mark, text) in known}
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        vectors = await self._made(engine, missing, prefix, urgent=True, ctx=ctx)
        found |= zip(missing, vectors, strict=True)
        for text, vector in found.items():
            known[mark, text] = vector
            known.move_to_end((mark, text))
        while len(known) > _QUESTIONS:
            known.popitem(last=False)
        return [found[text] for text in texts]

    def _current(self) -> Engine:
        """The engine of today's configuration.

        Raises:
            RetrievalError: the configuration names none that is known.
        """
        if self._engine is None or self._version != self._config.version:
            name, model = self.signature["engine"], self.signature["model"]
            if not name:
                self._engine = LocalEngine(self._local, model)
            elif name in REMOTE:
                self._engine = Remote(
                    engine=name, model=model, config=self._config, settings=self._settings, client=self._client
                )
            else:
                raise RetrievalError(f"Unknown embedding engine: {name}")
            self._version = self._config.version
        return self._engine

    async def _made(
        self, engine: Engine, texts: Sequence[str], prefix: str | None, *, urgent: bool, ctx: RequestContext | None
    ) -> list[Vector]:
        if not texts:
            return []
        if isinstance(engine, LocalEngine):  # which knows best what to do together
            return await engine.embed(texts, prefix, urgent=urgent, ctx=ctx)
        size = max(int(self._config.number(RAG_EMBEDDING_BATCH_SIZE) or 1), 1)
        places = max(int(self._config.number(RAG_EMBEDDING_CONCURRENT_REQUESTS) or 0), 0) or _MANY
        if not self._config.flag(RAG_ENABLE_ASYNC_EMBEDDING):
            places = 1

        async def batch(start: int) -> list[Vector]:
            async with self._gate.acquire(places, urgent=urgent):
                return await engine.embed(texts[start : start + size], prefix, urgent=urgent, ctx=ctx)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(batch(start)) for start in range(0, len(texts), size)]
        except* RetrievalError as failed:
            raise failed.exceptions[0] from None
        return [vector for task in tasks for vector in task.result()]

    async def close(self) -> None:
        """End the process of a model, and close the file of the cache."""
        await self._local.close()
        await self._cache.close()


def _lengths(vectors: Mapping[bytes, Vector]) -> set[int]:
    return {len(one) for one in vectors.values()}
