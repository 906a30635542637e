"""Outlet filters: plugins see the finished answer of a chat on the page."""

from __future__ import annotations

from fastback.completions.plugins.outlet_filters import OutletFilters, build_answer_message
from fastback.completions.turn import Turn


class OutletFiltersStage:
    """Run `outlet` of the turn's filters on the chat."""

    name = "outlet_filters"

    def __init__(self, filters: OutletFilters) -> None:
        self._filters = filters

    async def run(self, turn: Turn) -> None:
        if turn.answer is not None and turn.filters:
            await self._filters.run(turn, turn.messages, build_answer_message(turn.answer, has_page=True))
