"""Timers: a model has a prompt of its own come back into the chat later."""

from __future__ import annotations

from typing import Any

from fastback.completions.automations.timers import TimerRefused, Timers
from fastback.completions.tools.builtin.builtin_tool import Arguments, BuiltinGroup, BuiltinTool, array, text
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.offered_tool import ToolCallContext
from fastback.completions.turn import Turn
from fastback.config import Config
from fastback.config.keys.chat import SUBAGENTS_ENABLE
from fastback.features.chats.timers.cancellation import READ, USER_MESSAGE

Json = dict[str, Any]


class TimerTools(BuiltinGroup):
    """`timer`. The chat of a subagent has none: no list shows it."""

    category = "subagents"
    has_fixed_tools = True

    def __init__(self, config: Config, timers: Timers) -> None:
        self._config = config
        self._timers = timers

    async def is_available(self, turn: Turn, conditions: OfferConditions) -> bool:
        return self._config.get_bool(SUBAGENTS_ENABLE) and turn.is_stored and not turn.is_internal

    async def list_tools(self, turn: Turn, conditions: OfferConditions) -> list[BuiltinTool]:
        events = {"type": "string", "enum": [READ, USER_MESSAGE]}
        return [
            BuiltinTool(
                "timer",
                "Set a timer that goes off once in this chat: its prompt comes back to you then.",
                [
                    text("prompt", "What you are to be asked when the timer goes off"),
                    text("at", "When: from now, such as 10s, 5m, 1h or 2d, or a timestamp of RFC 3339 with a zone"),
                    array("cancel_on", "What cancels the timer before it goes off", events, None),
                ],
                self._set,
            )
        ]

    async def _set(self, arguments: Arguments, context: ToolCallContext) -> str | Json:
        events = arguments.optional_array("cancel_on") or []
        try:
            return await self._timers.set_timer(context.turn, arguments.text("prompt"), arguments.text("at"), events)
        except TimerRefused as error:
            return f"Error: {error}"
