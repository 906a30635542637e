"""MCP servers: their connections, and calls of them. Sessions are held by the plugin process."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from fastback.config import Config
from fastback.config.keys.connections import TOOL_SERVER_CONNECTIONS
from fastback.features.tools.mcp_authorization import McpAuthorization
from fastback.features.tools.mcp_targets import McpError, McpTarget, McpUnauthorized
from fastback.features.tools.servers import Connection
from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugins.host import PluginHost, PluginProcessGone
from fastback.settings import Settings
from fastback.settings.tls import get_client_authorities

Json = dict[str, Any]

#: What ids of these servers begin with, where tools are chosen.
ID_PREFIX = "server:mcp:"
#: Characters of a tool's name that model servers accept, and of the part that stays of a longer one.
_MAX_NAME_LENGTH, _STEM_LENGTH = 64, 55


class McpTool(msgspec.Struct):
    """A tool as its server describes it; `parameters` is a JSON schema."""

    name: str
    description: str | None = None
    parameters: Json = {}


class McpToolList(msgspec.Struct):
    """What a server offers: its tools, and its instructions for models."""

    tools: list[McpTool]
    instructions: str = ""


class McpServers:
    """Find and call the servers."""

    def __init__(
        self, *, host: PluginHost, config: Config, settings: Settings, authorization: McpAuthorization
    ) -> None:
        self._host = host
        self._authorization = authorization
        self._config = config
        self._settings = settings

    def find_connection(self, server_id: str) -> Connection | None:
        """Return the enabled connection of a server, or None."""
        if not self._settings.enable_tool_servers:
            return None
        for connection in self._config.get_list(TOOL_SERVER_CONNECTIONS):
            if not isinstance(connection, dict) or connection.get("type") != "mcp":
                continue
            if (connection.get("info") or {}).get("id") == server_id:
                return connection if (connection.get("config") or {}).get("enable") else None
        return None

    async def list_tools(self, target: McpTarget, *, fresh: bool = False) -> McpToolList:
        """Return the tools of a server. `fresh`: ask the server, whatever was listed before.

        Raises:
            McpUnauthorized: the owner has to sign in to the server.
            McpError: the server failed, or did not answer in time.
        """
        result = await self._call_host("mcp.list_tools", target, fresh=fresh)
        return msgspec.convert(result, McpToolList)

    async def call_tool(self, target: McpTarget, name: str, arguments: Json, page: Json | None = None) -> list[Json]:
        """Call a tool, and return the parts of its result as the protocol has them.

        `page` says where questions of the server are shown: `{user_id, chat_id, message_id, session_id}`.

        Raises:
            McpUnauthorized: the owner has to sign in to the server.
            McpError: the server or the tool failed, or did not answer in time.
        """
        settings = self._settings
        seconds = settings.aiohttp_client_timeout_tool_server
        if seconds is None:
            seconds = settings.aiohttp_client_timeout
        parts: list[Json] = await self._call_host(
            "mcp.call_tool", target, name=name, arguments=arguments, seconds=seconds or 0, page=page
        )
        return parts

    async def _call_host(self, method: str, target: McpTarget, **params: Any) -> Any:
        if not target.client_id:
            return await self._call_with_headers(method, target, **params)
        return await self._authorization.run(
            target, lambda authorized: self._call_with_headers(method, authorized, **params)
        )

    async def _call_with_headers(self, method: str, target: McpTarget, **params: Any) -> Any:
        server = {
            "id": target.id,
            "url": target.url,
            "owner": target.owner,
            "headers": target.headers,
            "call_headers": target.call_headers,
            "verify": get_client_authorities(self._settings, tool_server=True),
            "connect_seconds": self._settings.mcp_initialize_timeout,
            "can_ask": target.can_ask,
        }
        try:
            return await self._host.call(method, server=server, **params)
        except PluginProcessGone as error:
            raise McpError(str(error)) from None
        except RemoteFailure as failure:
            if failure.kind == "mcp_unauthorized":
                raise McpUnauthorized(f"MCP server '{target.id}' requires the user to sign in to it again") from None
            names_server = failure.kind in ("tool_error", "mcp_timeout")
            raise McpError(str(failure) if names_server else f"MCP server '{target.id}': {failure}") from None


def build_tool_name(server_id: str, name: str) -> str:
    """Return the name of a tool for models: with its server's id, shortened where it is too long."""
    return shorten_name(f"{server_id}_{name}")


def shorten_name(name: str) -> str:
    """Return a name that model servers accept; a longer one ends with a part of its hash, so that names differ."""
    if len(name) <= _MAX_NAME_LENGTH:
        return name
    return f"{name[:_STEM_LENGTH]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
