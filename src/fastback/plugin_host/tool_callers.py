"""`__tools__`: the tools that a turn offers its model, for pipes that call them themselves."""

from __future__ import annotations

from typing import Any

from fastback.kit.rpc.errors import RemoteFailure
from fastback.kit.rpc.wire_values import unpack_value
from fastback.plugin_host.server_link import ServerLink

Json = dict[str, Any]


class ToolCaller:
    """Call one tool, whatever runs it: a plugin, the server, another server."""

    def __init__(self, server: ServerLink, turn_id: str, name: str) -> None:
        self._server = server
        self._turn_id = turn_id
        self.__name__ = name

    async def __call__(self, **arguments: Any) -> Any:
        """Return what the tool returns for a model.

        Raises:
            Exception: it failed; the text is its own.
        """
        try:
            value = await self._server.call(
                "turns.call_tool", turn_id=self._turn_id, name=self.__name__, arguments=arguments
            )
        except RemoteFailure as failure:
            raise Exception(str(failure)) from None
        return unpack_value(value)


def build_tools(server: ServerLink, turn_id: str, tools: Any) -> Json:
    """Return `{tool_id, callable, spec, type}` of each tool, by name; `tools` are those of the metadata."""
    if not isinstance(tools, dict):
        return {}
    return {
        name: {**tool, "callable": ToolCaller(server, turn_id, name)}
        for name, tool in tools.items()
        if isinstance(tool, dict)
    }
