"""Searching the web by the service that the administrator has chosen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import aiohttp

from fastback.config import Config
from fastback.config.keys.web import WEB_SEARCH_CONCURRENT_REQUESTS, WEB_SEARCH_DOMAIN_FILTER_LIST, WEB_SEARCH_ENGINE
from fastback.providers.request_context import RequestContext
from fastback.retrieval.web.custom_search_engines import SPECIAL
from fastback.retrieval.web.results import SearchResult, Sites
from fastback.retrieval.web.search_engine import ordered, read
from fastback.retrieval.web.search_engines import ENGINES
from fastback.retrieval.web.search_request import Asked, SearchFailed
from fastback.settings import Settings

log = logging.getLogger("fastback.web")


class WebSearch:
    """Asks the chosen service (`web.search.engine`)."""

    def __init__(self, client: aiohttp.ClientSession, config: Config, settings: Settings) -> None:
        self._client = client
        self._config = config
        self._settings = settings

    async def search(self, queries: Sequence[str], ctx: RequestContext | None = None) -> list[SearchResult]:
        """What all the queries find, one behind the other; as many at a time as `web.search.concurrent_requests`.

        Raises:
            SearchFailed: the service is not set up, cannot be reached, or refuses; in words for the log.
        """
        most = int(self._config.number(WEB_SEARCH_CONCURRENT_REQUESTS) or 0)
        turn = asyncio.Semaphore(most if most > 0 else max(len(queries), 1))

        async def one(query: str) -> list[SearchResult]:
            async with turn:
                return await self._one(query, ctx)

        tasks = [asyncio.ensure_future(one(query)) for query in queries]
        try:
            found = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        return [result for results in found for result in results]

    async def _one(self, query: str, ctx: RequestContext | None) -> list[SearchResult]:
        name = self._config.text(WEB_SEARCH_ENGINE)
        special, engine = SPECIAL.get(name) or (None, ENGINES.get(name))
        if engine is None:
            raise SearchFailed(f"no search engine is chosen, or none we know: {name!r}")
        asked = Asked(client=self._client, config=self._config, settings=self._settings, text=query, ctx=ctx)
        missing = [one for one in engine.needs if not asked.value(one)]
        if missing:
            raise SearchFailed(f"{name} needs {', '.join(one.upper() for one in missing)}")
        try:
            if special is not None:
                results = await special(asked)
            else:
                request = engine.request(asked)
                options = request.options()
                answer = await asked.json(request.method, request.url, checked=engine.checked, **options)
                results = engine.found(answer)
        except SearchFailed as error:
            if not engine.quiet:
                raise
            log.warning("%s: %s", name, error)
            return []
        found = read(engine, ordered(engine, results))
        sites = Sites(self._config.items(WEB_SEARCH_DOMAIN_FILTER_LIST))
        if engine.filters and sites:
            found = [one for one in found if await sites.hold(one.link)]
        return found if engine.keeps else found[: asked.count]
