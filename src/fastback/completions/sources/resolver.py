"""Resolve the sources of a question: read its items, think of queries, search its collections."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from fastback.completions.sources import source_store
from fastback.completions.sources.external_sources import ExternalSources
from fastback.completions.sources.items import Item, is_full_context, parse_id
from fastback.completions.sources.passages import Message, Source, count_citations
from fastback.completions.sources.readings import Reading, ReadingPlanner
from fastback.completions.tasks.generations import Generations
from fastback.completions.tasks.requests import parse_queries
from fastback.config import Config
from fastback.config.keys.retrieval import RAG_BYPASS_EMBEDDING_AND_RETRIEVAL, RAG_FULL_CONTEXT
from fastback.config.keys.tasks import TASK_QUERY_RETRIEVAL_ENABLE
from fastback.kit.db import Database
from fastback.providers.request_context import RequestContext
from fastback.retrieval.interfaces import Hit, RetrievalError
from fastback.retrieval.search.retriever import Retriever

log = logging.getLogger("fastback.completions")

ShowStatus = Callable[[dict[str, Any]], Awaitable[None]]


class ResolvedSources(msgspec.Struct):
    """Passages, and the names of the items that could not be read."""

    sources: list[Source] = []
    missing: list[str] = []


class SourceResolver:
    """Resolve sources. What fails is logged and counts as missing; the answer does without."""

    def __init__(
        self,
        *,
        db: Database,
        config: Config,
        planner: ReadingPlanner,
        external_sources: ExternalSources,
        retriever: Retriever,
        generations: Generations,
    ) -> None:
        self._db = db
        self._config = config
        self._planner = planner
        self._external_sources = external_sources
        self._retriever = retriever
        self._generations = generations

    async def resolve(
        self,
        items: list[Item],
        messages: list[Message],
        question: str,
        *,
        model_id: str,
        ctx: RequestContext,
        show_status: ShowStatus,
        queries: list[str] | None = None,
    ) -> ResolvedSources:
        """Return what the items hold on the last question of the conversation.

        `queries` are search queries that a model has thought of before; without any it is asked here.
        """
        is_all_whole = all(is_full_context(item) for item in items)
        reading = asyncio.ensure_future(self._read(items, ctx))  # while a model thinks of queries
        try:
            if not queries:
                queries = [] if is_all_whole else await self._generate_queries(messages, model_id, ctx)
            if not is_all_whole:
                await show_status({"action": "queries_generated", "queries": queries, "done": False})
            plan = await reading
        finally:
            reading.cancel()
        reads_whole = is_all_whole or self._config.get_bool(RAG_FULL_CONTEXT)
        await self._search(plan, queries or [question], ctx, reads_whole=reads_whole)
        sources = [source for _, source in plan if source is not None]
        await self._update_names(sources)
        await show_status({"action": "sources_retrieved", "count": count_citations(sources), "done": True})
        missing = [_name_item(step.item) for step, source in plan if source is None]
        return ResolvedSources(sources, list(dict.fromkeys(missing)))

    async def _generate_queries(self, messages: list[Message], model_id: str, ctx: RequestContext) -> list[str]:
        """Return the queries that a model would search for; none where it is not to be asked, or thinks of none."""
        if not self._config.get_bool(TASK_QUERY_RETRIEVAL_ENABLE):
            return []
        return parse_queries(await self._generations.generate("query_generation", messages, model_id, ctx))

    async def _read(self, items: list[Item], ctx: RequestContext) -> list[_Step]:
        """Plan how the items are read, and read those that need no query."""
        reads_whole = self._config.get_bool(RAG_BYPASS_EMBEDDING_AND_RETRIEVAL)
        readings = await self._planner.plan(items, ctx.requester, reads_whole=reads_whole)

        async def read(reading: Reading) -> _Step:
            if reading.page_url:
                item = _without_data(reading.item)
                return reading, await self._external_sources.read_page(item, reading.page_url, ctx)
            return reading, None if reading.texts is None else _build_text_source(reading)

        return await asyncio.gather(*(read(reading) for reading in readings))

    async def _search(self, plan: list[_Step], queries: list[str], ctx: RequestContext, *, reads_whole: bool) -> None:
        """Put into the plan what the queries match in collections and in external databases."""
        internal = [index for index, (reading, _) in enumerate(plan) if reading.collections]
        external = [
            (index, reading, reading.external)
            for index, (reading, _) in enumerate(plan)
            if reading.external is not None
        ]
        limit = self._retriever.get_configured_options().limit
        internal_sources, external_sources = await asyncio.gather(
            self._search_collections([plan[index][0] for index in internal], queries, ctx, reads_whole=reads_whole),
            asyncio.gather(
                *(
                    self._external_sources.search_knowledge(_without_data(reading.item), knowledge, queries, limit, ctx)
                    for _, reading, knowledge in external
                )
            ),
        )
        results = [
            *zip(internal, internal_sources, strict=True),
            *zip([index for index, _, _ in external], external_sources, strict=True),
        ]
        for index, source in results:
            plan[index] = (plan[index][0], source)

    async def _search_collections(
        self, readings: list[Reading], queries: list[str], ctx: RequestContext, *, reads_whole: bool
    ) -> list[Source | None]:
        groups = [reading.collections for reading in readings]
        try:
            if reads_whole:
                hits = await asyncio.gather(*(self._retriever.list_chunks(names) for names in groups))
            else:
                hits = await self._retriever.search_groups(groups, queries, ctx=ctx)
        except RetrievalError as error:
            log.warning("searching collections failed, the answer does without: %s", error)
            return [None for _ in readings]
        return [
            _build_search_source(reading.item, item_hits, reads_whole=reads_whole)
            for reading, item_hits in zip(readings, hits, strict=True)
        ]

    async def _update_names(self, sources: list[Source]) -> None:
        """Show files by the names that they have now, in place: passages carry those of the time of indexing."""
        own_metadata = [metadata for source in sources for metadata in source.metadata if not metadata.get("external")]
        ids = {file_id for metadata in own_metadata if (file_id := parse_id(metadata.get("file_id"))) is not None}
        if not ids:
            return
        names = await source_store.load_file_names(self._db, list(ids))
        for metadata in own_metadata:
            name = names.get(parse_id(metadata.get("file_id")) or "")
            if name:
                if metadata.get("source") == metadata.get("name"):
                    metadata["source"] = name
                metadata["name"] = name


#: How an item is read, and the source that came of it; None where nothing came, or nothing yet.
_Step = tuple[Reading, Source | None]


def _name_item(item: Item) -> str:
    return str(item.get("name") or item.get("url") or item.get("type") or "a file")


def _without_data(item: Item) -> Item:
    """Return the item as the page shows it."""
    return {key: value for key, value in item.items() if key != "data"}


def _build_text_source(reading: Reading) -> Source:
    texts = reading.texts or []
    metadata = [dict(text_metadata) for text_metadata in reading.metadata[: len(texts)]]
    return Source(_without_data(reading.item), texts, metadata)


def _build_search_source(item: Item, hits: list[Hit], *, reads_whole: bool) -> Source:
    distances = None if reads_whole else [hit.score for hit in hits]
    return Source(_without_data(item), [hit.text for hit in hits], [dict(hit.metadata) for hit in hits], distances)
