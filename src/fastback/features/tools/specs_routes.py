"""`/api/v1/tools/id/{id}/specs`: the tools that an MCP server has for somebody."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import aiohttp
from starlette.requests import Request

from fastback.access.guards import VerifiedUser, read_token
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.features.tools.mcp import McpFailed, McpSession
from fastback.features.tools.servers import KEY, Connection
from fastback.kit.http import HttpError, NotFound, Router, Unauthorized
from fastback.providers.server_access import opens, server_headers
from fastback.settings import Settings

router = Router("/api/v1/tools")

log = logging.getLogger("fastback.tools")

PREFIX = "server:mcp:"
#: Seconds for all of it.
PATIENCE = 15.0
#: Ways of signing in that need a user's consent, which is not built.
OAUTH = ("oauth_2.1", "oauth_2.1_static")


def _server(config: Config, server_id: str) -> Connection | None:
    for one in config.items(KEY):
        if isinstance(one, dict) and one.get("type") == "mcp" and (one.get("info") or {}).get("id") == server_id:
            return one if (one.get("config") or {}).get("enable") else None
    return None


def chosen(tools: list[dict[str, Any]], rules: Any) -> list[dict[str, Any]]:
    """Those that the rules let through: names end like one that is allowed, if any is, and like none after a `!`."""
    given = rules.split(",") if isinstance(rules, str) else rules or []
    known = [str(one).strip() for one in given if str(one).strip()]
    allowed = tuple(one for one in known if not one.startswith("!"))
    blocked = tuple(one[1:].strip() for one in known if one.startswith("!"))
    return [
        one
        for one in tools
        if (not allowed or one["name"].endswith(allowed)) and not (blocked and one["name"].endswith(blocked))
    ]


@router.get("/id/{id}/specs")
async def specs(
    id: str,
    request: Request,
    user: VerifiedUser,
    config: Config,
    settings: Settings,
    permissions: Permissions,
    client: aiohttp.ClientSession,
) -> dict[str, Any]:
    server = (
        _server(config, id.removeprefix(PREFIX)) if id.startswith(PREFIX) and settings.enable_tool_servers else None
    )
    if server is None or not opens(server, user, await permissions.list_group_ids(user.id), settings):
        raise NotFound("Tool not found")
    if server.get("auth_type") in OAUTH:
        raise Unauthorized("Auth required")
    headers = await server_headers(server, user, read_token(request), permissions)
    try:
        async with (
            asyncio.timeout(PATIENCE),
            McpSession(client=client, settings=settings, url=server.get("url") or "", headers=headers) as session,
        ):
            found = chosen(await session.tools(), (server.get("config") or {}).get("function_name_filter_list"))
    except TimeoutError:
        raise HttpError(504, "Tool discovery timed out") from None
    except McpFailed as error:
        log.warning("MCP server %s: %s", id, error)
        raise HttpError(502, "Unable to load tools") from None
    return {"specs": [{"name": one["name"], "description": one["description"]} for one in found]}
