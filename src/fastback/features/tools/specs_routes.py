"""The route for the tools of an MCP server that a user may use."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from starlette.requests import Request

from fastback.access.guards import VerifiedUser
from fastback.access.permissions import Permissions
from fastback.features.tools.mcp_servers import ID_PREFIX, McpServers
from fastback.features.tools.mcp_targets import McpError, McpUnauthorized, build_target
from fastback.features.tools.name_filter import NameFilter
from fastback.kit.http import HttpError, NotFound, Router, Unauthorized
from fastback.providers.request_context import build_request_context
from fastback.providers.server_access import ServerHeaders, may_use_connection
from fastback.settings import Settings

router = Router("/api/v1/tools")

log = logging.getLogger("fastback.tools")

#: Timeout of the whole discovery: connect, list the tools, close the session (seconds).
DISCOVERY_TIMEOUT = 15.0


@router.get("/id/{id}/specs")
async def list_tool_specs(
    id: str,
    request: Request,
    user: VerifiedUser,
    servers: McpServers,
    settings: Settings,
    permissions: Permissions,
    server_headers: ServerHeaders,
) -> dict[str, Any]:
    """Return name and description of the tools that an MCP server offers."""
    server_id = id.removeprefix(ID_PREFIX)
    connection = servers.find_connection(server_id) if id.startswith(ID_PREFIX) else None
    if connection is None or not may_use_connection(
        connection, user, await permissions.list_group_ids(user.id), settings
    ):
        raise NotFound("Tool not found")
    headers = await server_headers.build(connection, build_request_context(request, user))
    target = build_target(server_id, connection, user.id, headers)
    try:
        async with asyncio.timeout(DISCOVERY_TIMEOUT):
            listed = await servers.list_tools(target)
    except TimeoutError:
        raise HttpError(504, "Tool discovery timed out") from None
    except McpUnauthorized:
        raise Unauthorized("Auth required") from None
    except McpError as error:
        log.warning("listing the tools of MCP server %s failed: %s", id, error)
        raise HttpError(502, "Unable to load tools") from None
    name_filter = NameFilter((connection.get("config") or {}).get("function_name_filter_list"))
    tools = [tool for tool in listed.tools if name_filter.allows(tool.name)]
    return {"specs": [{"name": tool.name, "description": tool.description} for tool in tools]}
