"""Web search: what the web has on the question becomes items that the `sources` stage reads like files."""

from __future__ import annotations

import logging
from typing import Any

from fastback.completions.sources.items import Item
from fastback.completions.tasks.generations import Generations
from fastback.completions.tasks.requests import parse_queries
from fastback.completions.turn import Turn
from fastback.config import Config
from fastback.config.keys.tasks import TASK_QUERY_SEARCH_ENABLE
from fastback.features.retrieval.web_search import WebSearchService
from fastback.kit.http.errors import HttpError

log = logging.getLogger("fastback.completions")


class WebSearchStage:
    """Search the web for the last question, where the request asks for it (`web_search` of its features)."""

    name = "web_search"

    def __init__(self, *, config: Config, results: WebSearchService, generations: Generations) -> None:
        self._config = config
        self._results = results
        self._generations = generations

    async def run(self, turn: Turn) -> None:
        """Search. A failure is shown as a status; the answer does without the web."""
        if turn.is_forwarded or not turn.request.features.get("web_search"):
            return
        if "web_search" in turn.builtin_categories or not await self._results.may_search(turn.user):
            return  # the model searches itself, or the user may not
        await _show(turn, description="Searching the web", done=False)
        turn.search_queries = await self._generate_queries(turn)
        queries = turn.search_queries
        if queries is None or queries == [""]:
            queries = [turn.question]
        if not queries:
            await _show(turn, description="No search query generated", done=True)
            return
        generated = {"action": "web_search_queries_generated", "queries": queries, "done": False}
        await turn.sink.show_status(generated)
        try:
            results = await self._results.search_web(queries, turn.ctx)
        except HttpError as error:
            await _show(turn, description=str(error.detail), queries=queries, done=True, error=True)
            return
        except Exception:
            log.exception("searching the web failed")
            description = "An error occurred while searching the web"
            await _show(turn, description=description, queries=queries, done=True, error=True)
            return
        description = "Searched {{count}} sites"
        await _show(turn, description=description, urls=results["filenames"], items=results["items"], done=True)
        turn.web_items = _build_items(results, queries)

    async def _generate_queries(self, turn: Turn) -> list[str] | None:
        """Return the queries that a model thinks of; None where it is not to be asked, or does not answer."""
        if not self._config.get_bool(TASK_QUERY_SEARCH_ENABLE):
            return None
        text = await self._generations.generate("query_generation", turn.messages, turn.model.id, turn.ctx)
        return parse_queries(text) if text.strip() else None


def _build_items(results: dict[str, Any], queries: list[str]) -> list[Item]:
    fields = {"name": ", ".join(queries), "type": "web_search", "urls": results["filenames"], "queries": queries}
    if "docs" in results:
        return [{"docs": results["docs"], **fields}] if results["docs"] else []
    return [{"collection_name": name, **fields} for name in results["collection_names"]]


async def _show(turn: Turn, **fields: Any) -> None:
    await turn.sink.show_status({"action": "web_search", **fields})
