"""What a request chooses that has no effect on its answer is named: in a line above the answer, or in a header."""

from __future__ import annotations

from typing import Any

from fastback.completions.tools.builtin.conditions import is_legacy
from fastback.completions.turn import Turn
from fastback.features.retrieval.web_search import WebSearchService


class UnavailableStage:
    """Name the tools and features that were chosen, but are not used."""

    name = "unavailable"

    def __init__(self, web_search: WebSearchService) -> None:
        self._web_search = web_search

    async def run(self, turn: Turn) -> None:
        if turn.is_forwarded:
            return
        note = "; ".join(await self._list_unavailable(turn))
        if not note:
            return
        if turn.in_chat:
            await turn.sink.show_status({"action": "note", "description": note, "done": True})
        else:
            turn.note = note

    async def _list_unavailable(self, turn: Turn) -> list[str]:
        features, categories = turn.request.features, turn.builtin_categories
        notes: list[str] = []
        if features.get("image_generation"):
            notes.append("Image generation is not available on this server yet")
        wants_search = features.get("web_search") and "web_search" not in categories
        if wants_search and not await self._web_search.may_search(turn.user):
            notes.append("Web search is not available here")
        if features.get("code_interpreter") and not turn.runs_code and "code_interpreter" not in categories:
            notes.append("The code interpreter is not available here")
        if _chooses_tools(turn) and turn.sink.runs_tools and not turn.is_stream and not is_legacy(turn):
            notes.append("Tools run for answers that stream; this one does not")
        return notes


def _chooses_tools(turn: Turn) -> bool:
    """Return whether the request chooses something that the model calls as a function."""
    body: dict[str, Any] = turn.request.body
    names = ("tool_ids", "tool_servers", "terminal_id")
    categories = {"code_interpreter", "web_search"} & turn.builtin_categories
    return any(body.get(name) for name in names) or any(turn.request.features.get(name) for name in categories)
