"""Searching the web for a question; what was found becomes an item that is read as files are."""

from __future__ import annotations

import logging
from typing import Any

from fastback.completions.sources.items import Item
from fastback.completions.sources.passages import Message
from fastback.completions.sources.resolver import Tell
from fastback.completions.tasks.follow_ups import FollowUps
from fastback.completions.tasks.requests import queries_in
from fastback.config import Config
from fastback.config.keys.tasks import TASK_QUERY_SEARCH_ENABLE
from fastback.features.retrieval.web_search import WebSearchService
from fastback.kit.http.errors import HttpError
from fastback.providers.request_context import RequestContext

log = logging.getLogger("fastback.completions")


class Searched:
    """What a search of the web gave a turn.

    Attributes:
        items: what was found, to be read with the other items of the question.
        queries: what a model would look for; None where none was asked.
    """

    def __init__(self, items: list[Item], queries: list[str] | None = None) -> None:
        self.items = items
        self.queries = queries


class WebStage:
    """Searches the web where a request asks for it."""

    def __init__(self, config: Config, results: WebSearchService, follow_ups: FollowUps) -> None:
        self._config = config
        self._results = results
        self._follow_ups = follow_ups

    async def search(
        self,
        features: dict[str, Any],
        messages: list[Message],
        question: str,
        model_id: str,
        ctx: RequestContext,
        tell: Tell,
    ) -> Searched:
        """Search for the conversation's last question; `tell` hears how far it is, and what went wrong.

        Nothing happens where the request does not ask for it (`web_search` of its features), or the asker may not.
        """
        if not features.get("web_search") or not await self._results.may_search(ctx.asker):
            return Searched([])
        await _told(tell, description="Searching the web", done=False)
        made = await self._queries(messages, model_id, ctx)
        queries = [question] if made is None or made == [""] else made
        if not queries:
            await _told(tell, description="No search query generated", done=True)
            return Searched([], made)
        await tell({"action": "web_search_queries_generated", "queries": queries, "done": False})
        try:
            found = await self._results.search_web(queries, ctx)
        except HttpError as error:
            await _told(tell, description=str(error.detail), queries=queries, done=True, error=True)
            return Searched([], made)
        except Exception:
            log.exception("searching the web failed")
            wrong = "An error occurred while searching the web"
            await _told(tell, description=wrong, queries=queries, done=True, error=True)
            return Searched([], made)
        await _told(
            tell, description="Searched {{count}} sites", urls=found["filenames"], items=found["items"], done=True
        )
        about = {"name": ", ".join(queries), "type": "web_search", "urls": found["filenames"], "queries": queries}
        if "docs" in found:
            return Searched([{"docs": found["docs"], **about}] if found["docs"] else [], made)
        return Searched([{"collection_name": name, **about} for name in found["collection_names"]], made)

    async def _queries(self, messages: list[Message], model_id: str, ctx: RequestContext) -> list[str] | None:
        """What a model would look for; None where it is not to be asked, or does not answer."""
        if not self._config.get_bool(TASK_QUERY_SEARCH_ENABLE):
            return None
        answer = await self._follow_ups.ask("query_generation", messages, model_id, ctx)
        return queries_in(answer) if answer.strip() else None


async def _told(tell: Tell, **more: Any) -> None:
    await tell({"action": "web_search", **more})
