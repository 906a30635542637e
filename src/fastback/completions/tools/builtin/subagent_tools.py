"""Subagents: a model gives parts of its work to turns of their own, which run at the same time."""

from __future__ import annotations

from typing import Any

from fastback.completions.background_subagents import BackgroundSubagents
from fastback.completions.subagents import SubagentFailed, Subagents
from fastback.completions.tools.builtin.builtin_tool import Arguments, BuiltinGroup, BuiltinTool, array, flag, text
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.offered_tool import ToolCallContext
from fastback.completions.turn import Turn
from fastback.config import Config
from fastback.config.keys.chat import SUBAGENTS_ENABLE

Json = dict[str, Any]


class SubagentTools(BuiltinGroup):
    """`delegate_task`. A subagent has no subagents of its own."""

    category = "subagents"
    has_fixed_tools = True

    def __init__(self, config: Config, subagents: Subagents, background: BackgroundSubagents) -> None:
        self._config = config
        self._subagents = subagents
        self._background = background

    async def is_available(self, turn: Turn, conditions: OfferConditions) -> bool:
        return self._config.get_bool(SUBAGENTS_ENABLE) and turn.is_stored and not turn.is_internal

    async def list_tools(self, turn: Turn, conditions: OfferConditions) -> list[BuiltinTool]:
        in_background = flag(
            "background", "Whether to go on at once; the result continues this chat when it is there", False
        )
        return [
            BuiltinTool(
                "delegate_task",
                "Give a part of the work to a subagent, which has your model and your tools, and return its answer. "
                "Subagents that are called together run at the same time. A subagent knows nothing of this chat.",
                [
                    text("task", "What exactly the subagent shall do"),
                    text("context", "What it must know: decisions, facts, paths", ""),
                    array(
                        "file_ids",
                        "Ids of attached files and images that it needs; it gets no others",
                        {"type": "string"},
                        None,
                    ),
                    *([in_background] if self._background.is_enabled else []),
                ],
                self._delegate,
                runs_in_parallel=True,
            )
        ]

    async def _delegate(self, arguments: Arguments, context: ToolCallContext) -> str | Json:
        file_ids = [str(file_id) for file_id in arguments.optional_array("file_ids") or [] if file_id]
        in_background = not arguments.is_absent("background") and arguments.flag("background")
        mode = "background" if in_background else "foreground"
        try:
            delegation = self._subagents.prepare(
                context.turn, arguments.text("task"), arguments.text("context"), file_ids, mode=mode
            )
            if in_background:
                return await self._background.dispatch(delegation)
            return await self._subagents.delegate(delegation)
        except SubagentFailed as error:
            return f"Error: {error}"
