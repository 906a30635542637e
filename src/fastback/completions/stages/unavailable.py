"""What a request chooses that has no effect on its answer is named: in a line above the answer, or in a header."""

from __future__ import annotations

from fastback.completions.stages.image_generation import can_show_images
from fastback.completions.stages.offered_tools import names_tools
from fastback.completions.tools.builtin.conditions import is_legacy
from fastback.completions.turn import Turn
from fastback.features.images.service import ImageService
from fastback.features.retrieval.web_search import WebSearchService


class UnavailableStage:
    """Name the tools and features that were chosen, but are not used."""

    name = "unavailable"

    def __init__(self, web_search: WebSearchService, images: ImageService) -> None:
        self._web_search = web_search
        self._images = images

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
        wants_images = features.get("image_generation") and "image_generation" not in categories
        if wants_images and not await self._makes_images(turn):
            notes.append("Image generation is not available here")
        wants_search = features.get("web_search") and "web_search" not in categories
        if wants_search and not await self._web_search.may_search(turn.user):
            notes.append("Web search is not available here")
        if features.get("code_interpreter") and not turn.runs_code and "code_interpreter" not in categories:
            notes.append("The code interpreter is not available here")
        if turn.sink.runs_tools and not turn.is_stream and not is_legacy(turn) and _chooses_tools(turn):
            notes.append("Tools run for answers that stream; this one does not")
        return notes

    async def _makes_images(self, turn: Turn) -> bool:
        """Return whether images are made before the model is asked."""
        if not can_show_images(turn):
            return False
        return await self._images.may_generate(turn.user) or await self._images.may_edit(turn.user)


def _chooses_tools(turn: Turn) -> bool:
    """Return whether the request chooses something that the model calls as a function."""
    categories = {"code_interpreter", "image_generation", "web_search"} & turn.builtin_categories
    return names_tools(turn) or any(turn.request.features.get(name) for name in categories)
