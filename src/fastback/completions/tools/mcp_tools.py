"""Tools of MCP servers."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec

from fastback.access.permissions import Permissions
from fastback.completions.plugins.turn_metadata import get_message_id
from fastback.completions.stages.offered_tools import list_tool_ids
from fastback.completions.tools.mcp_results import McpResults
from fastback.completions.tools.offered_tool import OfferedTool, RawResult, ToolCallContext, ToolError
from fastback.completions.tools.servers.openapi_tools import build_tool_context
from fastback.completions.turn import Turn
from fastback.features.prompts import system_messages
from fastback.features.tools.mcp_servers import (
    ID_PREFIX,
    McpServers,
    McpTool,
    McpToolList,
    build_tool_name,
    shorten_name,
)
from fastback.features.tools.mcp_targets import McpError, McpTarget, build_target
from fastback.features.tools.name_filter import NameFilter
from fastback.features.tools.servers import Connection
from fastback.providers.request_context import RequestContext
from fastback.providers.server_access import ServerHeaders, may_use_connection
from fastback.settings import Settings

log = logging.getLogger("fastback.tools")

Json = dict[str, Any]


class OfferedMcpTool(OfferedTool):
    """One tool of a server, which checks its arguments itself."""

    kind = "mcp"
    checks_arguments = True

    def __init__(self, *, servers: McpServers, results: McpResults, target: McpTarget, tool: McpTool) -> None:
        spec = {"description": tool.description, "parameters": _complete_schema(tool.parameters)}
        tool_id = f"{ID_PREFIX}{target.id}"
        super().__init__(name=build_tool_name(target.id, tool.name), spec=spec, tool_id=tool_id, prefix=target.id)
        self._servers = servers
        self._results = results
        self._target = target
        self._own_name = tool.name

    def rename(self, name: str) -> None:
        """Give it another name that model servers accept."""
        super().rename(shorten_name(name))

    async def run(self, arguments: Json, context: ToolCallContext) -> RawResult:
        try:
            page = find_page(context.turn)
            parts = await self._servers.call_tool(self._target, self._own_name, arguments, page)
        except McpError as error:
            raise ToolError(str(error)) from None
        return await self._results.convert(context.turn, parts)


class McpTools:
    """List the tools of the servers that a request names."""

    def __init__(
        self,
        *,
        servers: McpServers,
        results: McpResults,
        permissions: Permissions,
        headers: ServerHeaders,
        settings: Settings,
    ) -> None:
        self._servers = servers
        self._results = results
        self._permissions = permissions
        self._headers = headers
        self._settings = settings

    async def list_tools(self, turn: Turn) -> list[OfferedTool]:
        """Return the tools of the servers that the user may use; those that cannot be reached are left out.

        The servers' instructions are added to the system message.
        """
        ids = dict.fromkeys(tool_id for tool_id in list_tool_ids(turn) if tool_id.startswith(ID_PREFIX))
        if not ids or not self._settings.enable_tool_servers:
            return []
        server_ids = [tool_id.removeprefix(ID_PREFIX) for tool_id in ids]
        tools: list[OfferedTool] = []
        for tool_list in await asyncio.gather(*(self._list_server_tools(turn, server_id) for server_id in server_ids)):
            tools += tool_list
        return tools

    async def _list_server_tools(self, turn: Turn, server_id: str) -> list[OfferedTool]:
        connection = self._servers.find_connection(server_id)
        if connection is None:
            log.warning("MCP server %s skipped: not found, or not enabled", server_id)
            return []
        group_ids = await self._permissions.list_group_ids(turn.user.id)
        if not may_use_connection(connection, turn.user, group_ids, self._settings):
            log.warning("MCP server %s skipped: user %s may not use it", server_id, turn.user.id)
            return []
        try:
            target = await self._build_target(turn, server_id, connection)
            offered = await self._servers.list_tools(target)
        except McpError as error:
            log.warning("connecting to MCP server %s failed: %s", server_id, error)
            await turn.sink.show_status(
                {
                    "action": "tool_connection",
                    "description": f"Failed to connect to MCP server '{server_id}'",
                    "error": True,
                    "done": True,
                }
            )
            return []
        _add_instructions(turn, server_id, offered)
        name_filter = NameFilter((connection.get("config") or {}).get("function_name_filter_list"))
        return [
            OfferedMcpTool(servers=self._servers, results=self._results, target=target, tool=tool)
            for tool in offered.tools
            if name_filter.allows(tool.name)
        ]

    async def _build_target(self, turn: Turn, server_id: str, connection: Connection) -> McpTarget:
        """Return whose session is used. Headers that name the chat or the message belong to single calls."""
        ctx = build_tool_context(turn)
        without_cookies = {**connection, "forward_cookies": False}
        headers = await self._headers.build_for_call(without_cookies, ctx)
        session_headers = await self._headers.build(connection, _drop_chat(ctx))
        shared = {name: value for name, value in headers.items() if session_headers.get(name) == value}
        own = {name: value for name, value in headers.items() if name not in shared}
        target = build_target(server_id, connection, turn.user.id, shared, own)
        return msgspec.structs.replace(target, can_ask=find_page(turn) is not None)


def find_page(turn: Turn) -> Json | None:
    """Return where the page of a turn shows questions, or None."""
    request = turn.request
    message_id = get_message_id(turn)
    if not (request.session_id and request.chat_id and message_id):
        return None
    target = {"chat_id": request.chat_id, "message_id": message_id, "session_id": request.session_id}
    return {"user_id": turn.user.id, **target}


def _drop_chat(ctx: RequestContext) -> RequestContext:
    """Return the context without what differs from turn to turn."""
    return msgspec.structs.replace(
        ctx, chat_id="", message_id="", user_message_id="", user_message_parent_id="", model_id=""
    )


def _add_instructions(turn: Turn, server_id: str, offered: McpToolList) -> None:
    """Add the instructions of a server to the system message, in place."""
    if offered.instructions:
        name = msgspec.json.encode(server_id).decode()
        text = f"MCP server {name} instructions:\n{offered.instructions}"
        turn.messages = system_messages.add_system_text(turn.messages, text, append=True)


def _complete_schema(schema: Json) -> Json:
    """Return a schema of arguments with the fields that model servers require."""
    return {"type": "object", "properties": {}, **schema}
