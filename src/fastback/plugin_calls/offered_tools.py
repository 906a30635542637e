"""`offered_tools.…`: tools of the server and of other servers, for plugins that run the calls of models themselves."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from typing import Any

import msgspec

from fastback.completions.plugins.plugin_turns import PluginTurns
from fastback.completions.tools.offered_tool import OfferedTool, ToolCallContext, ToolError, ToolProvider
from fastback.completions.turn import Turn
from fastback.kit.http.errors import HttpError
from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugins.methods import HostMethods

Json = dict[str, Any]

#: Tools that plugins have listed and may call.
MAX_LISTED = 2000
_TERMINAL = "terminal:"


class OfferedToolMethods:
    """List and run the tools that a turn may use, methods of plugins excepted: these run in the plugin process."""

    def __init__(self, turns: PluginTurns, providers: Sequence[ToolProvider]) -> None:
        self._turns = turns
        self._providers = tuple(providers)
        self._listed: dict[int, tuple[Turn, OfferedTool]] = {}
        self._numbers = itertools.count(1)

    def add_to(self, methods: HostMethods) -> None:
        methods.add("offered_tools.list", self.list_tools)
        methods.add("offered_tools.run", self.run_tool)

    async def list_tools(self, turn_id: str, kinds: list[str], tool_ids: list[str] | None = None) -> list[Json]:
        """Return tools of these kinds (`builtin`, `openapi`, `mcp`, `terminal`), each with the `number` that runs it.

        `tool_ids` replace the ids that the request names. A turn that is over has no tools.

        Raises:
            RemoteFailure: of the kind `tool_error`: a tool is unavailable.
        """
        turn = self._turns.find(turn_id)
        if turn is None:
            return []
        turn = _ask_for_tools(turn, kinds, tool_ids)
        tools: list[OfferedTool] = []
        for provider in self._providers:
            try:
                tools += [tool for tool in await provider.list_tools(turn) if tool.kind in kinds]
            except HttpError as error:
                raise RemoteFailure("tool_error", str(error.detail)) from None
        return [self._describe(turn, tool) for tool in tools]

    def _describe(self, turn: Turn, tool: OfferedTool) -> Json:
        number = next(self._numbers)
        self._listed[number] = (turn, tool)
        if len(self._listed) > MAX_LISTED:
            del self._listed[next(iter(self._listed))]
        return {"number": number, "name": tool.name, "spec": tool.spec, "tool_id": tool.tool_id, "kind": tool.kind}

    async def run_tool(self, number: int, arguments: Json) -> Any:
        """Run a tool, and return what it returns to models.

        Raises:
            RemoteFailure: of the kind `tool_error`: it failed, or its turn is long over.
        """
        entry = self._listed.get(number)
        if entry is None:
            raise RemoteFailure("tool_error", "The tool is not available any more.")
        turn, tool = entry
        context = ToolCallContext(turn, f"call_{number}", turn.messages)
        try:
            result = await tool.run(tool.select_arguments(arguments), context)
        except ToolError as error:
            raise RemoteFailure("tool_error", str(error)) from None
        return result.value


def _ask_for_tools(turn: Turn, kinds: list[str], tool_ids: list[str] | None) -> Turn:
    """Return a copy of a turn whose request names tools of these kinds alone, so that no other server is asked.

    What servers add to its messages does not reach the model, which has it already.
    """
    body = dict(turn.request.body)
    if tool_ids is not None:
        body["tool_ids"] = tool_ids
        terminal_ids = [tool_id.removeprefix(_TERMINAL) for tool_id in tool_ids if tool_id.startswith(_TERMINAL)]
        body["terminal_id"] = next(iter(terminal_ids), None)
    if not {"openapi", "mcp"} & set(kinds):
        body["tool_ids"] = []
    if "terminal" not in kinds:
        body["terminal_id"] = None
    if "direct" not in kinds:
        body["tool_servers"] = None
    other = copy.copy(turn)
    if isinstance(turn.request, msgspec.Struct):
        other.request = msgspec.structs.replace(turn.request, body=body)
    else:
        other.request = copy.copy(turn.request)
        other.request.body = body
    return other
