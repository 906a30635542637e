"""Tools of servers with OpenAPI: their operations, for turns that name `server:<id>` or `server:<id>|name,name`."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec

from fastback.access.permissions import Permissions
from fastback.completions.stages.offered_tools import list_tool_ids
from fastback.completions.tools.offered_tool import OfferedTool, RawResult, ToolCallContext
from fastback.completions.tools.result_files import ResultFiles
from fastback.completions.tools.servers.server_calls import ServerCaller
from fastback.completions.tools.servers.server_results import BinaryContent, build_server_result
from fastback.completions.tools.servers.terminal_files import ServerTool
from fastback.completions.turn import Turn
from fastback.features.tools.name_filter import NameFilter
from fastback.features.tools.openapi.operations import Operation
from fastback.features.tools.servers import ToolServer, ToolServerRegistry
from fastback.providers.request_context import RequestContext
from fastback.providers.server_access import ServerHeaders, may_use_connection
from fastback.settings import Settings

log = logging.getLogger("fastback.tools")

Json = dict[str, Any]

_PREFIX = "server:"


class OpenApiTools:
    """List the operations of the servers that a request names, and call them."""

    def __init__(
        self,
        *,
        registry: ToolServerRegistry,
        permissions: Permissions,
        headers: ServerHeaders,
        caller: ServerCaller,
        files: ResultFiles,
        settings: Settings,
    ) -> None:
        self._registry = registry
        self._permissions = permissions
        self._headers = headers
        self._caller = caller
        self._files = files
        self._settings = settings

    async def list_tools(self, turn: Turn) -> list[OfferedTool]:
        """Return the operations that the user may use; a server that cannot be reached is named on the page."""
        tool_ids = [tool_id for tool_id in list_tool_ids(turn) if _is_openapi_id(tool_id)]
        if not tool_ids:
            return []
        group_ids = await self._permissions.list_group_ids(turn.user.id)
        names = dict.fromkeys(tool_ids)
        lists = await asyncio.gather(*(self._list_operations(tool_id, turn, group_ids) for tool_id in names))
        return [tool for tools in lists for tool in tools]

    async def _list_operations(self, tool_id: str, turn: Turn, group_ids: list[str]) -> list[OfferedTool]:
        server_id, _, choice = tool_id.removeprefix(_PREFIX).partition("|")
        connection = self._registry.find_connection(server_id)
        if connection is None:
            log.warning("tool server %s skipped: not found", server_id)
            return []
        if not may_use_connection(connection, turn.user, group_ids, self._settings):
            log.warning("tool server %s skipped: user %s may not use it", server_id, turn.user.id)
            return []
        server = await self._registry.find_server(server_id)
        if server is None:
            description = f"Failed to connect to tool server '{server_id}'"
            status = {"action": "tool_connection", "description": description, "error": True, "done": True}
            await turn.sink.show_status(status)
            return []
        name_filter = NameFilter((connection.get("config") or {}).get("function_name_filter_list"))
        chosen_ids = set(filter(None, choice.split(",")))
        return [
            OpenApiTool(tools=self, server=server, operation=operation, tool_id=tool_id)
            for operation in server.operations
            if name_filter.allows(operation.id) and (not chosen_ids or operation.id in chosen_ids)
        ]

    async def call(
        self, server: ToolServer, operation: Operation, arguments: Json, turn: Turn, *, for_model: bool
    ) -> RawResult:
        """Call an operation and return its result; `for_model` cuts a text to what models read of it.

        Raises:
            ToolError: as `ServerCaller.call`.
        """
        headers = await self._headers.build_for_call(server.connection, build_tool_context(turn))
        url = str(server.connection.get("url") or "")
        response = await self._caller.call(url, operation, arguments, headers, for_model=for_model)
        if isinstance(response.content, BinaryContent):
            return await store_binary(self._files, operation.name, response.content, turn)
        return build_server_result(operation.name, response.content, response.headers)


class OpenApiTool(ServerTool):
    """One operation of a server."""

    kind = "openapi"

    def __init__(self, *, tools: OpenApiTools, server: ToolServer, operation: Operation, tool_id: str) -> None:
        super().__init__(name=operation.name, spec=operation.spec, tool_id=tool_id, prefix=server.id)
        self._tools = tools
        self._server = server
        self._operation = operation

    async def run(self, arguments: Json, context: ToolCallContext) -> RawResult:
        return await self._tools.call(
            self._server, self._operation, arguments, context.turn, for_model=context.for_model
        )


def build_tool_context(turn: Turn) -> RequestContext:
    """Return the context of a turn's request to a server of tools: with its chat, its message and its model."""
    return msgspec.structs.replace(
        turn.ctx,
        chat_id=turn.request.chat_id,
        message_id=turn.message_id or turn.ctx.message_id,
        model_id=turn.model.id,
    )


async def store_binary(files: ResultFiles, name: str, binary: BinaryContent, turn: Turn) -> RawResult:
    """Store a file that a server has returned as one of the user's, and tell the model where it is."""
    text = f"{name}: received a file of type {binary.media_type} with {len(binary.content)} bytes"
    if not turn.is_stored:
        return RawResult(f"{text}, which cannot be shown as text.")
    url = await files.store_content(turn, binary.content, binary.media_type)
    return RawResult(f"{text}. It is stored at {url}." if url else f"{text}, which could not be stored.")


def _is_openapi_id(tool_id: str) -> bool:
    return tool_id.startswith(_PREFIX) and not tool_id.startswith("server:mcp:")
