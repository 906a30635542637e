"""The route for the tools of an MCP server that a user may use."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import aiohttp
from starlette.requests import Request

from fastback.access.guards import VerifiedUser
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.keys.connections import TOOL_SERVER_CONNECTIONS
from fastback.features.tools.mcp import McpError, McpSession
from fastback.features.tools.name_filter import NameFilter
from fastback.features.tools.servers import Connection
from fastback.kit.http import HttpError, NotFound, Router, Unauthorized
from fastback.providers.request_context import build_request_context
from fastback.providers.server_access import build_server_headers, may_use_connection
from fastback.settings import Settings

router = Router("/api/v1/tools")

log = logging.getLogger("fastback.tools")

SERVER_ID_PREFIX = "server:mcp:"
#: Timeout of the whole discovery: connect, list the tools, close the session (seconds).
DISCOVERY_TIMEOUT = 15.0
#: Authentication types that need a user's consent, which is not implemented.
OAUTH_TYPES = ("oauth_2.1", "oauth_2.1_static")


def _find_server(config: Config, server_id: str) -> Connection | None:
    """Return the enabled connection of an MCP server, or None."""
    for connection in config.get_list(TOOL_SERVER_CONNECTIONS):
        if not isinstance(connection, dict) or connection.get("type") != "mcp":
            continue
        if (connection.get("info") or {}).get("id") == server_id:
            return connection if (connection.get("config") or {}).get("enable") else None
    return None


def filter_tools(tools: list[dict[str, Any]], rules: Any) -> list[dict[str, Any]]:
    """Return the tools that the rules of a connection allow."""
    name_filter = NameFilter(rules)
    return [tool for tool in tools if name_filter.allows(tool["name"])]


@router.get("/id/{id}/specs")
async def list_tool_specs(
    id: str,
    request: Request,
    user: VerifiedUser,
    config: Config,
    settings: Settings,
    permissions: Permissions,
    client: aiohttp.ClientSession,
) -> dict[str, Any]:
    """Return name and description of the tools that an MCP server offers."""
    connection = (
        _find_server(config, id.removeprefix(SERVER_ID_PREFIX))
        if id.startswith(SERVER_ID_PREFIX) and settings.enable_tool_servers
        else None
    )
    if connection is None or not may_use_connection(
        connection, user, await permissions.list_group_ids(user.id), settings
    ):
        raise NotFound("Tool not found")
    if connection.get("auth_type") in OAUTH_TYPES:
        raise Unauthorized("Auth required")
    headers = await build_server_headers(connection, build_request_context(request, user), permissions)
    try:
        async with (
            asyncio.timeout(DISCOVERY_TIMEOUT),
            McpSession(client=client, settings=settings, url=connection.get("url") or "", headers=headers) as session,
        ):
            tools = filter_tools(
                await session.list_tools(), (connection.get("config") or {}).get("function_name_filter_list")
            )
    except TimeoutError:
        raise HttpError(504, "Tool discovery timed out") from None
    except McpError as error:
        log.warning("listing the tools of MCP server %s failed: %s", id, error)
        raise HttpError(502, "Unable to load tools") from None
    return {"specs": [{"name": tool["name"], "description": tool["description"]} for tool in tools]}
