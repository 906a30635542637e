"""Search the web with the configured search engine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import aiohttp

from fastback.config import Config
from fastback.config.keys.web import WEB_SEARCH_CONCURRENT_REQUESTS, WEB_SEARCH_DOMAIN_FILTER_LIST, WEB_SEARCH_ENGINE
from fastback.providers.request_context import RequestContext
from fastback.retrieval.web.custom_search_engines import CUSTOM_ENGINES
from fastback.retrieval.web.results import SearchResult, SiteFilter
from fastback.retrieval.web.search_engine import build_results, sort_results
from fastback.retrieval.web.search_engines import ENGINES
from fastback.retrieval.web.search_request import SearchFailed, SearchRequest
from fastback.settings import Settings

log = logging.getLogger("fastback.web")


class WebSearch:
    """Search with the engine named by `web.search.engine`."""

    def __init__(self, client: aiohttp.ClientSession, config: Config, settings: Settings) -> None:
        self._client = client
        self._config = config
        self._settings = settings

    async def search(self, queries: Sequence[str], ctx: RequestContext | None = None) -> list[SearchResult]:
        """Return the results of all queries, in the order of the queries.

        `web.search.concurrent_requests` limits how many run at a time.

        Raises:
            SearchFailed: the engine is not configured, cannot be reached, or fails; the text is for the log.
        """
        limit = int(self._config.get_number(WEB_SEARCH_CONCURRENT_REQUESTS) or 0)
        semaphore = asyncio.Semaphore(limit if limit > 0 else max(len(queries), 1))

        async def search_with_limit(query: str) -> list[SearchResult]:
            async with semaphore:
                return await self._search_once(query, ctx)

        tasks = [asyncio.ensure_future(search_with_limit(query)) for query in queries]
        try:
            results_by_query = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        return [result for results in results_by_query for result in results]

    async def _search_once(self, query: str, ctx: RequestContext | None) -> list[SearchResult]:
        name = self._config.get_text(WEB_SEARCH_ENGINE)
        search_function, engine = CUSTOM_ENGINES.get(name) or (None, ENGINES.get(name))
        if engine is None:
            raise SearchFailed(f"no search engine is chosen, or none we know: {name!r}")
        search = SearchRequest(client=self._client, config=self._config, settings=self._settings, text=query, ctx=ctx)
        missing = [setting for setting in engine.required_settings if not search.get_setting(setting)]
        if missing:
            raise SearchFailed(f"{name} needs {', '.join(setting.upper() for setting in missing)}")
        try:
            if search_function is not None:
                results = await search_function(search)
            else:
                engine_request = engine.build_request(search)
                options = engine_request.build_options()
                response = await search.fetch_json(
                    engine_request.method, engine_request.url, raise_for_status=engine.raises_for_status, **options
                )
                results = engine.list_results(response)
        except SearchFailed as error:
            if not engine.ignores_errors:
                raise
            log.warning("web search by %s failed: %s", name, error)
            return []
        pages = build_results(engine, sort_results(engine, results))
        site_filter = SiteFilter(self._config.get_list(WEB_SEARCH_DOMAIN_FILTER_LIST))
        if engine.applies_site_filter and site_filter:
            pages = [page for page in pages if await site_filter.allows_url(page.link)]
        return pages if engine.limits_results else pages[: search.count]
