"""Search of collections: by vectors only, or by vectors and words, as configured."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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
from fastback.retrieval.search.fusion import WeightedHit, blend_hits, merge_hits, weight_by_nearness, weight_by_words

#: Passages that each way of searching contributes to the blend: at least, and per requested passage.
_MIN_POOL, _POOL_PER_RESULT = 20, 4


class SearchOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a search.

    Attributes:
        limit: the requested number of passages.
        hybrid: search by vectors and by words.
        reranked: passages per question at most, in hybrid search.
        threshold: the similarity, or reranker's score, below which passages are dropped, in hybrid search.
        word_weight: the weight of words relative to vectors, from 0 to 1.
        enriched: whether the words of a chunk's name, title, headings and source count, too.
    """

    limit: int
    hybrid: bool = False
    reranked: int = 3
    threshold: float = 0.0
    word_weight: float = 0.5
    enriched: bool = False


class Retriever:
    """Finds passages. Only questions are embedded; all collections are searched at once."""

    def __init__(self, *, config: Config, embedder: Embedder, store: VectorStore, reranker: Reranker) -> None:
        self._config = config
        self._embedder = embedder
        self._store = store
        self._reranker = reranker

    def get_configured_options(self) -> SearchOptions:
        """Return the options of the configuration."""
        config = self._config
        return SearchOptions(
            limit=max(1, int(config.get_number(RAG_TOP_K) or 3)),
            hybrid=config.get_bool(RAG_ENABLE_HYBRID_SEARCH),
            reranked=max(1, int(config.get_number(RAG_TOP_K_RERANKER) or 3)),
            threshold=config.get_number(RAG_RELEVANCE_THRESHOLD) or 0.0,
            word_weight=_clamp_weight(config.get_number(RAG_HYBRID_BM25_WEIGHT)),
            enriched=config.get_bool(RAG_ENABLE_HYBRID_SEARCH_ENRICHED_TEXTS),
        )

    async def search(
        self,
        collections: Iterable[str],
        queries: Iterable[str],
        options: SearchOptions | None = None,
        *,
        ctx: RequestContext | None = None,
    ) -> list[Hit]:
        """Return the passages of these collections that best answer any of the questions, best first, each text once.

        Raises:
            RetrievalError: the embedding engine failed.
        """
        options = options or self.get_configured_options()
        names = list(dict.fromkeys(name for name in collections if name))
        questions = list(dict.fromkeys(question for question in queries if question and not question.isspace()))
        if not names or not questions:
            return []
        return (await self.search_groups([names], questions, options, ctx=ctx))[0]

    async def search_groups(
        self,
        groups: Sequence[Sequence[str]],
        queries: Sequence[str],
        options: SearchOptions | None = None,
        *,
        ctx: RequestContext | None = None,
    ) -> list[list[Hit]]:
        """Search as `search` does in each of several groups of collections; the questions are embedded once.

        Raises:
            RetrievalError: the embedding engine failed.
        """
        options = options or self.get_configured_options()
        questions = list(dict.fromkeys(question for question in queries if question and not question.isspace()))
        if not questions or not groups:
            return [[] for _ in groups]
        vectors = await self._embedder.embed_queries(questions, ctx=ctx)
        searches = [self._search_collections(list(group), questions, vectors, options, ctx) for group in groups]
        return await asyncio.gather(*searches)

    async def find_nearest(
        self,
        collection: str,
        query: str,
        limit: int,
        *,
        where: Mapping[str, Any] | None = None,
        ctx: RequestContext | None = None,
    ) -> list[Hit]:
        """Return the nearest chunks of one collection, equal texts included; `where` as for `VectorStore`.

        Raises:
            RetrievalError: the embedding engine failed.
        """
        vectors = await self._embedder.embed_queries([query], ctx=ctx)
        return await self._store.search([collection], vectors[0], limit, where)

    async def list_chunks(self, collections: Iterable[str]) -> list[Hit]:
        """List all chunks of some collections, in the order in which they were written."""
        hit_lists = await asyncio.gather(*(self._store.find_chunks(name) for name in dict.fromkeys(collections)))
        return [hit for hits in hit_lists for hit in hits]

    async def _search_collections(
        self,
        names: list[str],
        queries: list[str],
        vectors: list[bytes],
        options: SearchOptions,
        ctx: RequestContext | None,
    ) -> list[Hit]:
        if not options.hybrid:
            limit = options.limit
            results = await asyncio.gather(*(self._store.search(names, vector, limit) for vector in vectors))
            return merge_hits(results, limit)
        pool = max(_MIN_POOL, _POOL_PER_RESULT * options.limit)
        similar_lists, word_lists = await asyncio.gather(
            asyncio.gather(*(self._search_vectors(names, vector, pool) for vector in vectors)),
            asyncio.gather(*(self._search_words(names, query, pool, options) for query in queries)),
        )
        weighted_lists = [
            self._weight_hits(similar, word_hits, options, pool)
            for similar, word_hits in zip(similar_lists, word_lists, strict=True)
        ]
        hits = await self._rerank_hits(queries, [blend_hits(weighted) for weighted in weighted_lists], options, ctx)
        if hits is None:
            hits = [
                hit
                for hit in blend_hits(weighted_hits for weighted in weighted_lists for weighted_hits in weighted)
                if _passes_threshold(hit.score, options)
            ]
            hits = hits[: min(options.limit, options.reranked * len(queries))]
        return [_add_marks(hit) for hit in hits]

    @staticmethod
    def _weight_hits(
        similar: list[Hit], word_hits: list[Hit], options: SearchOptions, pool: int
    ) -> list[list[WeightedHit]]:
        """Return the hits of both ways for a question with their weights; a way with weight 0 is left out.

        Hits by words are shown with their cosine. One that is not among the nearest is at most as near as the last of
        them: that cosine is used, as nothing is embedded again.
        """
        cosines = {hit.id: hit.score for hit in similar}
        lowest_cosine = min(cosines.values(), default=0.0)
        weighted_words = [
            (msgspec.structs.replace(hit, score=cosines.get(hit.id, lowest_cosine)), weight)
            for hit, weight in weight_by_words(word_hits, options.word_weight, pool)
        ]
        weighted_vectors = weight_by_nearness(similar, 1.0 - options.word_weight)
        return [
            weighted_hits
            for weighted_hits, weight in (
                (weighted_vectors, 1.0 - options.word_weight),
                (weighted_words, options.word_weight),
            )
            if weight > 0
        ]

    async def _search_vectors(self, names: list[str], vector: bytes, pool: int) -> list[Hit]:
        """Return the nearest chunks with their cosine as score."""
        hits = await self._store.search(names, vector, pool)
        return [msgspec.structs.replace(hit, score=2.0 * hit.score - 1.0) for hit in hits]

    async def _search_words(self, names: list[str], query: str, pool: int, options: SearchOptions) -> list[Hit]:
        if options.word_weight <= 0:
            return []
        return await self._store.search_words(names, query, pool, enriched=options.enriched)

    async def _rerank_hits(
        self, queries: list[str], candidates: list[list[Hit]], options: SearchOptions, ctx: RequestContext | None
    ) -> list[Hit] | None:
        """Return the passages that the reranker selects for each question, by its scores; None without a working
        reranker."""
        candidate_lists = [hits[: 2 * options.limit] for hits in candidates]
        scores = await asyncio.gather(
            *(
                self._reranker.score_texts(query, [hit.text for hit in hits], ctx=ctx)
                for query, hits in zip(queries, candidate_lists, strict=True)
                if hits
            )
        )
        if any(score_list is None for score_list in scores):
            return None
        reranked_lists = []
        for hits, text_scores in zip([hits for hits in candidate_lists if hits], scores, strict=True):
            passing_hits = [
                msgspec.structs.replace(hit, score=score)
                for hit, score in zip(hits, text_scores or (), strict=True)
                if _passes_threshold(score, options)
            ]
            reranked_lists.append(sorted(passing_hits, key=lambda hit: hit.score, reverse=True)[: options.reranked])
        return merge_hits(reranked_lists, options.limit)


def _clamp_weight(value: float | None) -> float:
    return 0.5 if value is None else min(1.0, max(0.0, value))


def _passes_threshold(score: float, options: SearchOptions) -> bool:
    return not options.threshold or score >= options.threshold


def _add_marks(hit: Hit) -> Hit:
    """Return the hit with the metadata that the reference adds to hits of a fused search."""
    mark = hashlib.sha256(hit.text.encode()).hexdigest()
    return msgspec.structs.replace(hit, metadata={**hit.metadata, "_chunk_hash": mark, "score": hit.score})
