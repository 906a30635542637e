"""The passages that a question is answered with: its items read, its questions thought of, its collections searched."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from fastback.completions.sources.access import Reader, Reading
from fastback.completions.sources.external import Elsewhere
from fastback.completions.sources.items import Item, an_id, is_whole
from fastback.completions.sources.passages import Message, Source, count
from fastback.completions.tasks.follow_ups import FollowUps
from fastback.completions.tasks.requests import queries_in
from fastback.config import Config
from fastback.config.keys.retrieval import RAG_BYPASS_EMBEDDING_AND_RETRIEVAL, RAG_FULL_CONTEXT
from fastback.config.keys.tasks import TASK_QUERY_RETRIEVAL_ENABLE
from fastback.kit.db import Database
from fastback.providers.request_context import RequestContext
from fastback.retrieval.interfaces import Hit, RetrievalError
from fastback.retrieval.search.retriever import Retriever

log = logging.getLogger("fastback.completions")

Status = dict[str, Any]
Tell = Callable[[Status], Awaitable[None]]


class Found(msgspec.Struct):
    """Passages, and the names of what could not be read."""

    sources: list[Source] = []
    missing: list[str] = []


class _Name(msgspec.Struct):
    id: str
    name: str | None


class Finder:
    """Finds the sources of a question."""

    def __init__(
        self,
        *,
        db: Database,
        config: Config,
        reader: Reader,
        elsewhere: Elsewhere,
        retriever: Retriever,
        follow_ups: FollowUps,
    ) -> None:
        self._db = db
        self._config = config
        self._reader = reader
        self._elsewhere = elsewhere
        self._retriever = retriever
        self._follow_ups = follow_ups

    async def find(
        self,
        items: list[Item],
        messages: list[Message],
        question: str,
        model_id: str,
        ctx: RequestContext,
        tell: Tell,
        known: list[str] | None = None,
    ) -> Found:
        """What the items hold on the conversation's last question; `tell` hears how far it is.

        `known` are queries that a model has thought of already.

        What fails is missing, as the log says; the answer does without.
        """
        everything = all(is_whole(item) for item in items)
        reading = asyncio.ensure_future(self._read(items, ctx))  # while a model thinks of queries
        try:
            queries = known or ([] if everything else await self._queries(messages, model_id, ctx))
            if not everything:
                await tell({"action": "queries_generated", "queries": queries, "done": False})
            plan = await reading
        finally:
            reading.cancel()
        whole = everything or self._config.get_bool(RAG_FULL_CONTEXT)
        await self._search(plan, queries or [question], ctx, whole=whole)
        sources = [source for _, source in plan if source is not None]
        await self._rename(sources)
        await tell({"action": "sources_retrieved", "count": count(sources), "done": True})
        return Found(sources, list(dict.fromkeys(_named(one.item) for one, source in plan if source is None)))

    async def _queries(self, messages: list[Message], model_id: str, ctx: RequestContext) -> list[str]:
        """What a model would search for; nothing where it is not to be asked, or has no idea."""
        if not self._config.get_bool(TASK_QUERY_RETRIEVAL_ENABLE):
            return []
        return queries_in(await self._follow_ups.ask("query_generation", messages, model_id, ctx))

    async def _read(self, items: list[Item], ctx: RequestContext) -> list[_Step]:
        """How the items are read; what needs no question has been read."""
        whole = self._config.get_bool(RAG_BYPASS_EMBEDDING_AND_RETRIEVAL)
        plan = await self._reader.plan(items, ctx.asker, whole=whole)

        async def step(one: Reading) -> _Step:
            if one.page:
                return one, await self._elsewhere.page(_shown(one.item), one.page, ctx)
            return one, None if one.texts is None else _source(one)

        return await asyncio.gather(*(step(one) for one in plan))

    async def _search(self, plan: list[_Step], queries: list[str], ctx: RequestContext, *, whole: bool) -> None:
        """Put what the questions find into the plan."""
        searched = [place for place, (one, _) in enumerate(plan) if one.collections]
        foreign = [(place, one, one.foreign) for place, (one, _) in enumerate(plan) if one.foreign is not None]
        limit = self._retriever.get_configured_options().limit
        own, others = await asyncio.gather(
            self._of_collections([plan[place][0] for place in searched], queries, ctx, whole=whole),
            asyncio.gather(
                *(
                    self._elsewhere.knowledge(_shown(one.item), knowledge, queries, limit, ctx)
                    for _, one, knowledge in foreign
                )
            ),
        )
        for place, source in [*zip(searched, own, strict=True), *zip([one[0] for one in foreign], others, strict=True)]:
            plan[place] = (plan[place][0], source)

    async def _of_collections(
        self, plan: list[Reading], queries: list[str], ctx: RequestContext, *, whole: bool
    ) -> list[Source | None]:
        groups = [one.collections for one in plan]
        try:
            if whole:
                found = await asyncio.gather(*(self._retriever.list_chunks(names) for names in groups))
            else:
                found = await self._retriever.search_groups(groups, queries, ctx=ctx)
        except RetrievalError as error:
            log.warning("nothing was found in collections: %s", error)
            return [None for _ in plan]
        return [_of_hits(one.item, hits, whole=whole) for one, hits in zip(plan, found, strict=True)]

    async def _rename(self, sources: list[Source]) -> None:
        """Show files by the names that they have now."""
        shown = [one for source in sources for one in source.metadata if not one.get("external")]
        ids = {file_id for one in shown if (file_id := an_id(one.get("file_id"))) is not None}
        if not ids:
            return
        rows = await self._db.fetch_all(
            _Name, "sources.names", "SELECT id, meta ->> 'name' FROM file WHERE id = ANY(:ids)", ids=list(ids)
        )
        names = {row.id: row.name for row in rows if row.name}
        for one in shown:
            name = names.get(an_id(one.get("file_id")) or "")
            if name:
                if one.get("source") == one.get("name"):
                    one["source"] = name
                one["name"] = name


#: How an item is read, with what was read of it; None: nothing, or nothing yet.
_Step = tuple[Reading, Source | None]


def _named(item: Item) -> str:
    return str(item.get("name") or item.get("url") or item.get("type") or "a file")


def _shown(item: Item) -> Item:
    return {key: value for key, value in item.items() if key != "data"}


def _source(reading: Reading) -> Source:
    """What is read as it stands."""
    texts = reading.texts or []
    return Source(_shown(reading.item), texts, [dict(one) for one in reading.metadata[: len(texts)]])


def _of_hits(item: Item, hits: list[Hit], *, whole: bool) -> Source:
    distances = None if whole else [hit.score for hit in hits]
    return Source(_shown(item), [hit.text for hit in hits], [dict(hit.metadata) for hit in hits], distances)
