"""Searching collections: by vectors alone, or together with the words, as configured."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Sequence

import msgspec

from fastback.config import Config
from fastback.config.keys.retrieval import (
    RAG_ENABLE_HYBRID_SEARCH,
    RAG_ENABLE_HYBRID_SEARCH_ENRICHED_TEXTS,
    RAG_HYBRID_BM25_WEIGHT,
    RAG_RELEVANCE_THRESHOLD,
    RAG_TOP_K,
    RAG_TOP_K_RERANKER,
)
from fastback.providers.request_context import RequestContext
from fastback.retrieval.interfaces import Embedder, Hit, Reranker, VectorStore
from fastback.retrieval.search.fusion import Worth, blended, by_nearness, by_words, merged

#: Passages that each way of searching offers to the blend, at least, and for each one that is wanted.
_POOL, _POOL_EACH = 20, 4


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """How is searched.

    Attributes:
        limit: passages that are wanted.
        hybrid: by vectors and by words.
        reranked: passages that each question brings at most, where words count too.
        threshold: similarity, or a reranker's score, below which a passage is left out, where words count too.
        words: what words count beside vectors, from 0 to 1.
        enriched: whether the words of a chunk's name, title, headings and source count, too.
    """

    limit: int
    hybrid: bool = False
    reranked: int = 3
    threshold: float = 0.0
    words: float = 0.5
    enriched: bool = False


class Retriever:
    """Finds passages. Nothing is embedded but questions; all collections are asked at once."""

    def __init__(self, *, config: Config, embedder: Embedder, store: VectorStore, reranker: Reranker) -> None:
        self._config = config
        self._embedder = embedder
        self._store = store
        self._reranker = reranker

    def configured(self) -> Search:
        """What the configuration says of searching."""
        config = self._config
        return Search(
            limit=max(1, int(config.number(RAG_TOP_K) or 3)),
            hybrid=config.flag(RAG_ENABLE_HYBRID_SEARCH),
            reranked=max(1, int(config.number(RAG_TOP_K_RERANKER) or 3)),
            threshold=config.number(RAG_RELEVANCE_THRESHOLD) or 0.0,
            words=_share(config.number(RAG_HYBRID_BM25_WEIGHT)),
            enriched=config.flag(RAG_ENABLE_HYBRID_SEARCH_ENRICHED_TEXTS),
        )

    async def query(
        self,
        collections: Iterable[str],
        queries: Iterable[str],
        search: Search | None = None,
        *,
        ctx: RequestContext | None = None,
    ) -> list[Hit]:
        """The passages of all these collections that answer any of the questions best, best first, each text once.

        Raises:
            RetrievalError: the embedding engine fails.
        """
        search = search or self.configured()
        names = list(dict.fromkeys(name for name in collections if name))
        asked = list(dict.fromkeys(one for one in queries if one and not one.isspace()))
        if not names or not asked:
            return []
        return (await self.query_each([names], asked, search, ctx=ctx))[0]

    async def query_each(
        self,
        groups: Sequence[Sequence[str]],
        queries: Sequence[str],
        search: Search | None = None,
        *,
        ctx: RequestContext | None = None,
    ) -> list[list[Hit]]:
        """As `query` for each of several groups of collections; the questions are embedded once for all of them.

        Raises:
            RetrievalError: the embedding engine fails.
        """
        search = search or self.configured()
        asked = list(dict.fromkeys(one for one in queries if one and not one.isspace()))
        if not asked or not groups:
            return [[] for _ in groups]
        vectors = await self._embedder.embed_queries(asked, ctx=ctx)
        found = [self._found(list(group), asked, vectors, search, ctx) for group in groups]
        return await asyncio.gather(*found)

    async def nearest(self, collection: str, query: str, limit: int, *, ctx: RequestContext | None = None) -> list[Hit]:
        """The nearest chunks of one collection as they lie there, twins too.

        Raises:
            RetrievalError: the embedding engine fails.
        """
        vectors = await self._embedder.embed_queries([query], ctx=ctx)
        return await self._store.search([collection], vectors[0], limit)

    async def everything(self, collections: Iterable[str]) -> list[Hit]:
        """All chunks of some collections, in the order they were written."""
        found = await asyncio.gather(*(self._store.find_chunks(name) for name in dict.fromkeys(collections)))
        return [hit for hits in found for hit in hits]

    async def _found(
        self, names: list[str], queries: list[str], vectors: list[bytes], search: Search, ctx: RequestContext | None
    ) -> list[Hit]:
        if not search.hybrid:
            limit = search.limit
            results = await asyncio.gather(*(self._store.search(names, vector, limit) for vector in vectors))
            return merged(results, limit)
        pool = max(_POOL, _POOL_EACH * search.limit)
        near, worded = await asyncio.gather(
            asyncio.gather(*(self._similar(names, vector, pool) for vector in vectors)),
            asyncio.gather(*(self._worded(names, query, pool, search) for query in queries)),
        )
        found = [self._blendable(similar, shared, search, pool) for similar, shared in zip(near, worded, strict=True)]
        judged = await self._reranked(queries, [blended(both) for both in found], search, ctx)
        if judged is None:
            judged = [hit for hit in blended(one for both in found for one in both) if _passes(hit.score, search)]
            judged = judged[: min(search.limit, search.reranked * len(queries))]
        return [_marked(hit) for hit in judged]

    @staticmethod
    def _blendable(similar: list[Hit], worded: list[Hit], search: Search, pool: int) -> list[list[Worth]]:
        """What both ways have found for a question, with what it is worth; a way that counts for nothing is left out.

        Hits by words are shown with their cosine. What is not among the nearest is at most as near as the last of them:
        that is taken, as nothing is embedded again.
        """
        known = {hit.id: hit.score for hit in similar}
        last = min(known.values(), default=0.0)
        words = [
            (msgspec.structs.replace(hit, score=known.get(hit.id, last)), worth)
            for hit, worth in by_words(worded, search.words, pool)
        ]
        near = by_nearness(similar, 1.0 - search.words)
        return [found for found, weight in ((near, 1.0 - search.words), (words, search.words)) if weight > 0]

    async def _similar(self, names: list[str], vector: bytes, pool: int) -> list[Hit]:
        """The nearest chunks with their cosine as score."""
        hits = await self._store.search(names, vector, pool)
        return [msgspec.structs.replace(hit, score=2.0 * hit.score - 1.0) for hit in hits]

    async def _worded(self, names: list[str], query: str, pool: int, search: Search) -> list[Hit]:
        if search.words <= 0:
            return []
        return await self._store.search_words(names, query, pool, enriched=search.enriched)

    async def _reranked(
        self, queries: list[str], candidates: list[list[Hit]], search: Search, ctx: RequestContext | None
    ) -> list[Hit] | None:
        """What a reranker chooses for each question, by its scores; None where none is configured, or it fails."""
        shown = [hits[: 2 * search.limit] for hits in candidates]
        scores = await asyncio.gather(
            *(
                self._reranker.score_texts(query, [hit.text for hit in hits], ctx=ctx)
                for query, hits in zip(queries, shown, strict=True)
                if hits
            )
        )
        if any(one is None for one in scores):
            return None
        chosen = []
        for hits, given in zip([hits for hits in shown if hits], scores, strict=True):
            judged = [
                msgspec.structs.replace(hit, score=score)
                for hit, score in zip(hits, given or (), strict=True)
                if _passes(score, search)
            ]
            chosen.append(sorted(judged, key=lambda hit: hit.score, reverse=True)[: search.reranked])
        return merged(chosen, search.limit)


def _share(value: float | None) -> float:
    return 0.5 if value is None else min(1.0, max(0.0, value))


def _passes(score: float, search: Search) -> bool:
    return not search.threshold or score >= search.threshold


def _marked(hit: Hit) -> Hit:
    """The hit with the marks that the reference leaves in the metadata of a fused search."""
    mark = hashlib.sha256(hit.text.encode()).hexdigest()
    return msgspec.structs.replace(hit, metadata={**hit.metadata, "_chunk_hash": mark, "score": hit.score})
