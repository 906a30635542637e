"""`/api/v1/tools`: the tools one may use."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.config import Config
from fastback.features.tools import record_routes, revision_routes, servers, specs_routes, valves_routes
from fastback.features.tools.servers import ToolServers
from fastback.kit.http import Router
from fastback.providers.server_access import opens
from fastback.records.listing import Catalog
from fastback.settings import Settings

router = Router("/api/v1/tools")

Answer = dict[str, Any]


class _Tool(msgspec.Struct):
    version_id: str | None
    id: str
    user_id: str
    name: str
    meta: msgspec.Raw
    updated_at: int
    created_at: int
    specs: msgspec.Raw


_COLUMNS = "t.version_id, t.id, t.user_id, t.name, t.meta, t.updated_at, t.created_at, t.specs"


async def _tools(user: User, catalog: Catalog, *, writable: bool) -> list[Answer]:
    rows, _ = await catalog.rows(_Tool, user, resource="tool", columns=_COLUMNS, table="tool")
    shown: list[Answer] = [
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
    found = await catalog.shown(shown, user, "tool", writable=writable)
    for place, row in enumerate(rows):
        found[place] |= {"content": None, "specs": row.specs}
        if not writable:
            meta = msgspec.json.decode(row.meta)
            found[place]["has_user_valves"] = bool(isinstance(meta, dict) and meta.get("has_user_valves"))
    return found


def _server(tool_id: str, name: Any, description: Any) -> Answer:
    """A tool server in the shape of a tool; its times are those of the answer, as it has none of its own."""
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


async def _servers(
    user: User, catalog: Catalog, config: Config, settings: Settings, known: ToolServers
) -> list[Answer]:
    """The tool servers a user may use: those that speak OpenAPI and answer, then those that speak MCP."""
    if not settings.enable_tool_servers:
        return []
    groups = await catalog.permissions.list_group_ids(user.id)
    found = [
        _server(f"server:{one.id}", one.title, one.description)
        for one in await known.all()
        if opens(one.connection, user, groups, settings)
    ]
    for connection in config.items(servers.KEY):
        if connection.get("type", "openapi") != "mcp" or not (connection.get("config") or {}).get("enable"):
            continue
        if not opens(connection, user, groups, settings):
            continue
        info = connection.get("info") or {}
        tool = _server(f"server:mcp:{info.get('id')}", info.get("name", "MCP Tool Server"), info.get("description", ""))
        if connection.get("auth_type", "none") in ("oauth_2.1", "oauth_2.1_static"):
            # Signing in at tool servers is not built: nobody is.
            tool["authenticated"] = False
        found.append(tool)
    return found


@router.get("/")
async def usable(
    user: VerifiedUser,
    catalog: Catalog,
    config: Config,
    settings: Settings,
    known: ToolServers,
    query: str | None = None,
) -> list[Answer]:
    found = await _tools(user, catalog, writable=False) if settings.enable_tools else []
    found += await _servers(user, catalog, config, settings, known)
    if query:
        found = [one for one in found if query.casefold() in (one["name"] or "").casefold()]
    return found


@router.get("/list")
async def page(user: VerifiedUser, catalog: Catalog, settings: Settings) -> list[Answer]:
    return await _tools(user, catalog, writable=True) if settings.enable_tools else []


routers = [router, record_routes.router, revision_routes.router, valves_routes.router, specs_routes.router]
