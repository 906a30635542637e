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
from fastback.retrieval.search.fusion import WeightedHit, blend_hits, merge_hits, weight_by_nearness, weight_by_words

#: Passages that each way of searching offers to the blend, at least, and for each one that is wanted.
_MIN_POOL, _POOL_PER_RESULT = 20, 4


class SearchOptions(msgspec.Struct, frozen=True, kw_only=True):
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
    word_weight: float = 0.5
    enriched: bool = False


class Retriever:
    """Finds passages. Nothing is embedded but questions; all collections are asked at once."""

    def __init__(self, *, config: Config, embedder: Embedder, store: VectorStore, reranker: Reranker) -> None:
        self._config = config
        self._embedder = embedder
        self._store = store
        self._reranker = reranker

    def get_configured_options(self) -> SearchOptions:
        """What the configuration says of searching."""
        config = self._config
        return SearchOptions(
            limit=max(1, int(config.number(RAG_TOP_K) or 3)),
            hybrid=config.flag(RAG_ENABLE_HYBRID_SEARCH),
            reranked=max(1, int(config.number(RAG_TOP_K_RERANKER) or 3)),
            threshold=config.number(RAG_RELEVANCE_THRESHOLD) or 0.0,
            word_weight=_clamp_weight(config.number(RAG_HYBRID_BM25_WEIGHT)),
            enriched=config.flag(RAG_ENABLE_HYBRID_SEARCH_ENRICHED_TEXTS),
        )

    async def search(
        self,
        collections: Iterable[str],
        queries: Iterable[str],
        options: SearchOptions | None = None,
        *,
        ctx: RequestContext | None = None,
    ) -> list[Hit]:
        """The passages of all these collections that answer any of the questions best, best first, each text once.

        Raises:
            RetrievalError: the embedding engine fails.
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
        """As `query` for each of several groups of collections; the questions are embedded once for all of them.

        Raises:
            RetrievalError: the embedding engine fails.
        """
        options = options or self.get_configured_options()
        questions = list(dict.fromkeys(question for question in queries if question and not question.isspace()))
        if not questions or not groups:
            return [[] for _ in groups]
        vectors = await self._embedder.embed_queries(questions, ctx=ctx)
        searches = [self._search_collections(list(group), questions, vectors, options, ctx) for group in groups]
        return await asyncio.gather(*searches)

    async def find_nearest(
        self, collection: str, query: str, limit: int, *, ctx: RequestContext | None = None
    ) -> list[Hit]:
        """The nearest chunks of one collection as they lie there, twins too.

        Raises:
            RetrievalError: the embedding engine fails.
        """
        vectors = await self._embedder.embed_queries([query], ctx=ctx)
        return await self._store.search([collection], vectors[0], limit)

    async def list_chunks(self, collections: Iterable[str]) -> list[Hit]:
        """All chunks of some collections, in the order they were written."""
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
            self._weight_hits(similar, shared, options, pool)
            for similar, shared in zip(similar_lists, word_lists, strict=True)
        ]
        judged = await self._rerank(queries, [blend_hits(weighted) for weighted in weighted_lists], options, ctx)
        if judged is None:
            judged = [
                hit
                for hit in blend_hits(one for weighted in weighted_lists for one in weighted)
                if _passes_threshold(hit.score, options)
            ]
            judged = judged[: min(options.limit, options.reranked * len(queries))]
        return [_add_marks(hit) for hit in judged]

    @staticmethod
    def _weight_hits(
        similar: list[Hit], worded: list[Hit], options: SearchOptions, pool: int
    ) -> list[list[WeightedHit]]:
        """What both ways have found for a question, with what it is worth; a way that counts for nothing is left out.

        Hits by words are shown with their cosine. What is not among the nearest is at most as near as the last of them:
        that is taken, as nothing is embedded again.
        """
        cosines = {hit.id: hit.score for hit in similar}
        lowest_cosine = min(cosines.values(), default=0.0)
        weighted_words = [
            (msgspec.structs.replace(hit, score=cosines.get(hit.id, lowest_cosine)), worth)
            for hit, worth in weight_by_words(worded, options.word_weight, pool)
        ]
        weighted_vectors = weight_by_nearness(similar, 1.0 - options.word_weight)
        return [
            found
            for found, weight in ((weighted_vectors, 1.0 - options.word_weight), (weighted_words, options.word_weight))
            if weight > 0
        ]

    async def _search_vectors(self, names: list[str], vector: bytes, pool: int) -> list[Hit]:
        """The nearest chunks with their cosine as score."""
        hits = await self._store.search(names, vector, pool)
        return [msgspec.structs.replace(hit, score=2.0 * hit.score - 1.0) for hit in hits]

    async def _search_words(self, names: list[str], query: str, pool: int, options: SearchOptions) -> list[Hit]:
        if options.word_weight <= 0:
            return []
        return await self._store.search_words(names, query, pool, enriched=options.enriched)

    async def _rerank(
        self, queries: list[str], candidates: list[list[Hit]], options: SearchOptions, ctx: RequestContext | None
    ) -> list[Hit] | None:
        """What a reranker chooses for each question, by its scores; None where none is configured, or it fails."""
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
    """The hit with the marks that the reference leaves in the metadata of a fused search."""
    mark = hashlib.sha256(hit.text.encode()).hexdigest()
    return msgspec.structs.replace(hit, metadata={**hit.metadata, "_chunk_hash": mark, "score": hit.score})
