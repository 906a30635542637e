"""Routes for lists of tools, and the routers of `/api/v1/tools`."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys.connections import TOOL_SERVER_CONNECTIONS
from fastback.features.oauth_clients.connections import build_client_id, get_info, uses_oauth
from fastback.features.oauth_clients.tool_server_tokens import ToolServerTokens
from fastback.features.tools import record_routes, revision_routes, specs_routes, store, valves_routes
from fastback.features.tools.servers import ToolServerRegistry
from fastback.kit.http import Router
from fastback.providers.server_access import may_use_connection
from fastback.records.listing import RecordCatalog
from fastback.settings import Settings

router = Router("/api/v1/tools")

JsonObject = dict[str, Any]


async def _list_tools(user: User, catalog: RecordCatalog, *, writable: bool) -> list[JsonObject]:
    """Return the tools that the user may read, as lists show them.

    With `writable` the items say whether the user may write the tool, else whether it has valves for each user.
    """
    rows = await store.list_readable_tools(catalog, user)
    items: list[JsonObject] = [
        {
            "version_id": row.version_id,
            "id": row.id,
            "user_id": row.user_id,
            "name": row.name,
            "meta": row.meta,
            "access_grants": [],
            "updated_at": row.updated_at,
            "created_at": row.created_at,
        }
        for row in rows
    ]
    result = await catalog.add_details(items, user, "tool", writable=writable)
    for item, row in zip(result, rows, strict=True):
        item |= {"content": None, "specs": row.specs}
        if not writable:
            meta = msgspec.json.decode(row.meta)
            item["has_user_valves"] = bool(isinstance(meta, dict) and meta.get("has_user_valves"))
    return result


def _describe_server(tool_id: str, name: Any, description: Any) -> JsonObject:
    """Return a tool server in the form of a tool, as lists show it."""
    now = int(time.time())
    return {
        "version_id": None,
        "id": tool_id,
        "user_id": tool_id,
        "name": name,
        "meta": {"i18n": None, "description": description, "manifest": {}, "has_user_valves": False},
        "access_grants": [],
        "updated_at": now,
        "created_at": now,
        "user": None,
    }


async def _list_servers(
    user: User,
    catalog: RecordCatalog,
    config: Config,
    settings: Settings,
    tool_servers: ToolServerRegistry,
    tokens: ToolServerTokens,
) -> list[JsonObject]:
    """Return the tool servers that the user may use: those with OpenAPI that are reachable, then those with MCP."""
    if not settings.enable_tool_servers:
        return []
    group_ids = await catalog.permissions.list_group_ids(user.id)
    items = [
        _describe_server(f"server:{server.id}", server.title, server.description)
        for server in await tool_servers.list_servers()
        if may_use_connection(server.connection, user, group_ids, settings)
    ]
    connections = [
        connection
        for connection in config.get_list(TOOL_SERVER_CONNECTIONS)
        if connection.get("type", "openapi") == "mcp"
        and (connection.get("config") or {}).get("enable")
        and may_use_connection(connection, user, group_ids, settings)
    ]
    client_ids = [build_client_id(str(get_info(connection).get("id"))) for connection in connections]
    oauth_ids = {
        client_id for client_id, connection in zip(client_ids, connections, strict=True) if uses_oauth(connection)
    }
    authenticated_ids = await tokens.list_authenticated(user.id, oauth_ids)
    for client_id, connection in zip(client_ids, connections, strict=True):
        info = get_info(connection)
        item = _describe_server(
            f"server:mcp:{info.get('id')}", info.get("name", "MCP Tool Server"), info.get("description", "")
        )
        if uses_oauth(connection):
            item["authenticated"] = client_id in authenticated_ids
        items.append(item)
    return items


@router.get("/")
async def list_usable_tools(
    user: VerifiedUser,
    catalog: RecordCatalog,
    config: Config,
    settings: Settings,
    tool_servers: ToolServerRegistry,
    tokens: ToolServerTokens,
    query: str | None = None,
) -> list[JsonObject]:
    """Return the tools and tool servers that the user may use, optionally those whose name contains the query."""
    tools = await _list_tools(user, catalog, writable=False) if settings.enable_tools else []
    tools += await _list_servers(user, catalog, config, settings, tool_servers, tokens)
    if query:
        tools = [tool for tool in tools if query.casefold() in (tool["name"] or "").casefold()]
    return tools


@router.get("/list")
async def list_tools(user: VerifiedUser, catalog: RecordCatalog, settings: Settings) -> list[JsonObject]:
    """Return the tools that the user may read, with owners and write access."""
    return await _list_tools(user, catalog, writable=True) if settings.enable_tools else []


routers = [router, record_routes.router, revision_routes.router, valves_routes.router, specs_routes.router]
