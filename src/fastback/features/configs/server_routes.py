"""`/api/v1/configs/tool_servers` and `/terminal_servers`: connections to other servers, and their verification."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
from starlette.requests import Request

from fastback.access.guards import AdminUser
from fastback.config import Config
from fastback.config.keys.connections import TERMINAL_SERVER_CONNECTIONS, TOOL_SERVER_CONNECTIONS
from fastback.features.configs.schemas import (
    LifecycleForm,
    PolicyForm,
    RefreshForm,
    TerminalServer,
    TerminalServersForm,
    ToolServer,
    ToolServersForm,
    complete_connection,
    complete_connections,
)
from fastback.features.configs.terminal_client import TerminalServerClient, require_tool_servers_enabled
from fastback.features.oauth_clients.connections import list_urls, uses_oauth
from fastback.features.oauth_clients.metadata import is_http_url
from fastback.features.oauth_clients.verification import OAuthVerification
from fastback.features.tools.mcp_servers import McpServers
from fastback.features.tools.mcp_targets import McpError, McpTarget
from fastback.features.tools.servers import ToolServerError, ToolServerRegistry, build_document_url
from fastback.kit.http import BadRequest, Router
from fastback.providers.request_context import build_request_context
from fastback.providers.server_access import ServerHeaders
from fastback.settings import Settings

router = Router("/api/v1/configs")

log = logging.getLogger("fastback.configs")

ConfigPage = dict[str, Any]


@router.get("/tool_servers")
async def list_tool_servers(user: AdminUser, config: Config) -> ConfigPage:
    """Return the stored connections; fields that an older release did not store are filled in."""
    connections = [
        _fill_in_fields(ToolServer, stored)
        for stored in config.get_list(TOOL_SERVER_CONNECTIONS)
        if isinstance(stored, dict)
    ]
    return {"TOOL_SERVER_CONNECTIONS": connections}


def _fill_in_fields(kind: type[msgspec.Struct], stored: ConfigPage) -> ConfigPage:
    """Return a connection with all fields of its kind; a missing field gets its default, or None without one."""
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    completed = {
        name: stored.get(name, None if field.default is msgspec.NODEFAULT else field.default)
        for name, field in fields.items()
    }
    return completed | {name: value for name, value in stored.items() if name not in fields}


@router.post("/tool_servers")
async def save_tool_servers(data: ToolServersForm, user: AdminUser, config: Config) -> ConfigPage:
    connections = complete_connections(ToolServer, data.TOOL_SERVER_CONNECTIONS, "TOOL_SERVER_CONNECTIONS")
    await config.set(TOOL_SERVER_CONNECTIONS, connections)
    return {"TOOL_SERVER_CONNECTIONS": connections}


@router.post("/tool_servers/verify")
async def verify_tool_server(
    data: ConfigPage,
    request: Request,
    user: AdminUser,
    settings: Settings,
    servers: ToolServerRegistry,
    server_headers: ServerHeaders,
    mcp_servers: McpServers,
    oauth: OAuthVerification,
) -> Any:
    """Return the tools of an MCP server, or the OpenAPI document of another one.

    Of an MCP server that users sign in to, return the metadata of its authorization server.
    """
    connection = msgspec.convert(complete_connection(ToolServer, data), ToolServer)
    require_tool_servers_enabled(settings)
    if uses_oauth(stored := msgspec.to_builtins(connection)):
        urls = list_urls(stored)
        if not urls or not all(is_http_url(url) for url in urls):
            raise BadRequest("Failed to connect to the tool server")
        return {"status": True, "oauth_server_metadata": await oauth.get_server_metadata(urls)}
    credentials = {"auth_type": connection.auth_type or "none", "key": connection.key, "headers": connection.headers}
    headers = await server_headers.build(credentials, build_request_context(request, user))
    if connection.type == "mcp":
        try:
            target = McpTarget("verified", connection.url, user.id, headers)
            return {"status": True, "specs": (await mcp_servers.list_tools(target, fresh=True)).tools}
        except McpError as error:
            log.info("verification of the MCP server %s failed: %s", connection.url, error)
            raise BadRequest("Failed to create MCP client") from None
    try:
        return await servers.fetch_document(build_document_url(connection.url, connection.path), headers)
    except ToolServerError as error:
        log.info("verification of the tool server %s failed: %s", connection.url, error)
        raise BadRequest("Failed to connect to the tool server") from None


@router.get("/terminal_servers")
async def list_terminal_servers(user: AdminUser, config: Config) -> ConfigPage:
    return {"TERMINAL_SERVER_CONNECTIONS": config.get(TERMINAL_SERVER_CONNECTIONS)}


@router.post("/terminal_servers")
async def save_terminal_servers(data: TerminalServersForm, user: AdminUser, config: Config) -> ConfigPage:
    """Store the connections without policy and lifecycle, which the servers store themselves."""
    connections = complete_connections(TerminalServer, data.TERMINAL_SERVER_CONNECTIONS, "TERMINAL_SERVER_CONNECTIONS")
    for connection in connections:
        connection.pop("policy", None)
        connection.pop("lifecycle", None)
    await config.set(TERMINAL_SERVER_CONNECTIONS, connections)
    return {"TERMINAL_SERVER_CONNECTIONS": connections}


@router.post("/terminal_servers/verify")
async def verify_terminal_server(
    data: ConfigPage, user: AdminUser, settings: Settings, client: aiohttp.ClientSession
) -> ConfigPage:
    """Return the type of a server: an orchestrator, with a terminal for each user, has policies; others have none."""
    connection = complete_connection(TerminalServer, data)
    server = TerminalServerClient(
        client=client,
        settings=settings,
        url=connection["url"],
        key=connection["key"],
        auth_type=connection["auth_type"],
    )
    if await server.is_available("api/v1/policies"):
        return {"status": True, "type": "orchestrator"}
    if await server.is_available("api/config"):
        return {"status": True, "type": "terminal"}
    raise BadRequest("Failed to connect to the terminal server")


@router.post("/terminal_servers/policy")
async def access_policy(data: PolicyForm, user: AdminUser, settings: Settings, client: aiohttp.ClientSession) -> Any:
    """Read a policy; write it where the request holds one."""
    server = TerminalServerClient(
        client=client, settings=settings, url=data.url, key=data.key, auth_type=data.auth_type
    )
    return await server.request_json(
        "GET" if data.policy_data is None else "PUT",
        f"api/v1/policies/{quote(data.policy_id, safe='')}",
        data.policy_data,
        failure="Failed to access policy on terminal server",
    )


@router.post("/terminal_servers/lifecycle")
async def access_lifecycle(
    data: LifecycleForm, user: AdminUser, settings: Settings, client: aiohttp.ClientSession
) -> Any:
    """Read a policy's lifecycle; write it where the request holds one."""
    server = TerminalServerClient(
        client=client, settings=settings, url=data.url, key=data.key, auth_type=data.auth_type
    )
    return await server.request_json(
        "GET" if data.lifecycle_data is None else "PUT",
        f"api/v1/policies/{quote(data.policy_id, safe='')}/lifecycle",
        data.lifecycle_data,
        failure="Failed to access lifecycle on terminal server",
    )


@router.post("/terminal_servers/refresh")
async def refresh_terminals(
    data: RefreshForm, user: AdminUser, settings: Settings, client: aiohttp.ClientSession
) -> Any:
    """Ask a server to renew its terminals."""
    server = TerminalServerClient(
        client=client, settings=settings, url=data.url, key=data.key, auth_type=data.auth_type
    )
    body: ConfigPage = {"only_idle": data.only_idle, "reset": data.reset}
    body |= {name: value for name in ("user_id", "policy_id") if (value := getattr(data, name))}
    return await server.request_json("POST", "api/v1/terminals/refresh", body, failure="Failed to refresh terminals")
