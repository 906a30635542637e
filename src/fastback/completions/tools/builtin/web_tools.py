"""The web: search it, and read a page."""

from __future__ import annotations

from typing import Any

from fastback.completions.tools.builtin.builtin_tool import Arguments, BuiltinGroup, BuiltinTool, integer, text
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.offered_tool import ToolCallContext, ToolError
from fastback.completions.turn import Turn
from fastback.config import Config
from fastback.config.keys.web import WEB_FETCH_MAX_CONTENT_LENGTH, WEB_SEARCH_RESULT_COUNT
from fastback.features.retrieval.web_search import WebSearchService
from fastback.retrieval.interfaces import RetrievalError
from fastback.retrieval.web.pages import PageReader
from fastback.retrieval.web.search import WebSearch
from fastback.retrieval.web.search_request import SearchFailed

Json = dict[str, Any]

#: Characters of a page that the page of the chat shows as a source.
_SNIPPET_LENGTH = 500


class WebTools(BuiltinGroup):
    """`search_web` and `fetch_url`."""

    category = "web_search"
    has_fixed_tools = True

    def __init__(self, *, config: Config, service: WebSearchService, search: WebSearch, pages: PageReader) -> None:
        self._config = config
        self._service = service
        self._search = search
        self._pages = pages

    async def is_available(self, turn: Turn, conditions: OfferConditions) -> bool:
        return (
            conditions.wants_feature("web_search")
            and conditions.has_capability("web_search")
            and await self._service.may_search(turn.user)
        )

    async def list_tools(self, turn: Turn, conditions: OfferConditions) -> list[BuiltinTool]:
        return [
            BuiltinTool(
                "search_web",
                "Search the public web, for current events and whatever internal documents do not cover. "
                "Return title, link and snippet of each result.",
                [
                    text("query", "What to search for"),
                    integer("count", "Number of results; by default as many as the administrator allows", None),
                ],
                self._search_web,
            ),
            BuiltinTool(
                "fetch_url",
                "Fetch a web page and return its main text.",
                [text("url", "Address of the page")],
                self._fetch_url,
                list_sources=_list_page_sources,
            ),
        ]

    async def _search_web(self, arguments: Arguments, context: ToolCallContext) -> list[Json]:
        configured = self._config.get(WEB_SEARCH_RESULT_COUNT)
        limit = configured if isinstance(configured, int) else 5
        count = arguments.optional_integer("count")
        try:
            results = await self._search.search([arguments.text("query")], context.turn.ctx)
        except SearchFailed as error:
            raise ToolError(str(error)) from None
        results = results[: limit if count is None else max(1, min(count, limit))]
        return [{"title": result.title, "link": result.link, "snippet": result.snippet} for result in results]

    async def _fetch_url(self, arguments: Arguments, context: ToolCallContext) -> str:
        try:
            documents = await self._pages.read_url(arguments.text("url"), context.turn.ctx)
        except RetrievalError as error:
            raise ToolError(str(error)) from None
        content = "\n\n".join(document.text for document in documents)
        limit = self._config.get(WEB_FETCH_MAX_CONTENT_LENGTH)
        if isinstance(limit, int) and 0 < limit < len(content):
            return content[:limit] + "\n\n[Content truncated...]"
        return content


def _list_page_sources(arguments: Json, content: str) -> list[Json]:
    url = str(arguments.get("url") or "fetch_url")
    snippet = content[:_SNIPPET_LENGTH] + ("..." if len(content) > _SNIPPET_LENGTH else "")
    return [
        {
            "source": {"name": url, "id": url},
            "document": [snippet],
            "metadata": [{"source": url, "name": url, "url": url}],
        }
    ]
