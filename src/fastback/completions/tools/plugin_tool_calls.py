"""Calls of a turn's tools by plugins: `__tools__[name]["callable"]` of pipes."""

from __future__ import annotations

import uuid
from typing import Any

from fastback.completions.plugins.plugin_turns import PluginTurns
from fastback.completions.tools.offered_tool import OfferedTool, ToolCallContext, ToolError
from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugins.methods import HostMethods

Json = dict[str, Any]


class PluginToolCalls:
    """Run tools for plugins."""

    def __init__(self, *, turns: PluginTurns, methods: HostMethods) -> None:
        self._turns = turns
        methods.add("turns.call_tool", self._call_tool)

    async def _call_tool(self, turn_id: str, name: str, arguments: Json) -> Any:
        """Run a tool that the turn offers, and return what it returns for the model.

        Raises:
            RemoteFailure: the turn is over, there is no such tool, or it failed.
        """
        turn = self._turns.find(turn_id)
        if turn is None:
            raise RemoteFailure("turn_is_over", "The turn is over.")
        tool: OfferedTool | None = turn.tools.get(name)
        if tool is None:
            raise RemoteFailure("unknown_tool", f'Tool "{name}" not found.')
        context = ToolCallContext(turn, f"call_{uuid.uuid4().hex}", turn.messages, for_model=False)
        try:
            result = await tool.run(tool.select_arguments(arguments), context)
        except ToolError as error:
            raise RemoteFailure("tool_error", str(error)) from None
        return result.value
