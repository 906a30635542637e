"""The provider of built-in tools, and the stage that decides which groups a turn has."""

from __future__ import annotations

from collections.abc import Sequence

from fastback.access.permissions import Permissions
from fastback.completions.tools.builtin.builtin_tool import BuiltinGroup, BuiltinTool
from fastback.completions.tools.builtin.conditions import OfferConditions, uses_builtin_tools
from fastback.completions.tools.builtin.knowledge.attached_items import AttachedKnowledge
from fastback.completions.tools.offered_tool import OfferedTool
from fastback.completions.turn import Turn


class BuiltinTools:
    """List the built-in tools of turns, always in the same order, so that the prompt caches of model servers hit."""

    name = "builtin_tools"

    def __init__(
        self, *, groups: Sequence[BuiltinGroup], permissions: Permissions, knowledge: AttachedKnowledge
    ) -> None:
        self._groups = tuple(groups)
        self._permissions = permissions
        self._knowledge = knowledge
        self._fixed_tools: dict[BuiltinGroup, list[BuiltinTool]] = {}

    async def run(self, turn: Turn) -> None:
        """Set which categories a turn has, and what is attached: stages leave to tools what these do."""
        if not uses_builtin_tools(turn):
            return
        turn.attached_knowledge = await self._knowledge.list_items(turn)
        conditions = OfferConditions(turn, self._permissions)
        turn.builtin_categories = frozenset(
            [
                group.category
                for group in self._groups
                if conditions.is_category_enabled(group.category) and await group.is_available(turn, conditions)
            ]
        )

    async def list_tools(self, turn: Turn) -> list[OfferedTool]:
        """Return the tools of a turn's categories."""
        if not turn.builtin_categories:
            return []
        conditions = OfferConditions(turn, self._permissions)
        return [
            tool
            for group in self._groups
            if group.category in turn.builtin_categories
            for tool in await self._list_group(group, turn, conditions)
        ]

    async def _list_group(self, group: BuiltinGroup, turn: Turn, conditions: OfferConditions) -> Sequence[BuiltinTool]:
        if not group.has_fixed_tools:
            return await group.list_tools(turn, conditions)
        if group not in self._fixed_tools:
            self._fixed_tools[group] = await group.list_tools(turn, conditions)
        return self._fixed_tools[group]
