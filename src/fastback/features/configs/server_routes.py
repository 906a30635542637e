"""`/api/v1/configs/tool_servers` and `/terminal_servers`: connections to other servers, and trying them."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
from starlette.requests import Request

from fastback.access.guards import AdminUser, read_token
from fastback.access.permissions import Permissions
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
    all_filled,
    filled,
)
from fastback.features.tools.mcp import McpError, McpSession
from fastback.features.tools.servers import ToolServerError, ToolServerRegistry, build_document_url
from fastback.features.tools.specs_routes import OAUTH_TYPES
from fastback.kit.http import BadRequest, Forbidden, HttpError, NotBuilt, Router
from fastback.providers.server_access import server_headers
from fastback.settings import Settings
from fastback.settings.tls import client_ssl

router = Router("/api/v1/configs")

log = logging.getLogger("fastback.configs")

Answer = dict[str, Any]

TOOLS = TOOL_SERVER_CONNECTIONS
TERMINALS = TERMINAL_SERVER_CONNECTIONS


def _check(settings: Settings) -> None:
    if not settings.enable_tool_servers:
        raise Forbidden("Tool servers are disabled")


@router.get("/tool_servers")
async def tool_servers(user: AdminUser, config: Config) -> Answer:
    """Stored connections may come from a release that knew fewer fields: those are filled in."""
    known = config.items(TOOLS)
    return {"TOOL_SERVER_CONNECTIONS": [_lenient(ToolServer, one) for one in known if isinstance(one, dict)]}


def _lenient(kind: type[msgspec.Struct], stored: Answer) -> Answer:
    fields = {one.name: one for one in msgspec.structs.fields(kind)}
    known = {
        name: stored.get(name, None if one.default is msgspec.NODEFAULT else one.default)
        for name, one in fields.items()
    }
    return known | {name: value for name, value in stored.items() if name not in fields}


@router.post("/tool_servers")
async def save_tool_servers(data: ToolServersForm, user: AdminUser, config: Config) -> Answer:
    found = all_filled(ToolServer, data.TOOL_SERVER_CONNECTIONS, "TOOL_SERVER_CONNECTIONS")
    await config.set(TOOLS, found)
    return {"TOOL_SERVER_CONNECTIONS": found}


@router.post("/tool_servers/verify")
async def verify_tool_server(
    data: Answer,
    request: Request,
    user: AdminUser,
    settings: Settings,
    servers: ToolServerRegistry,
    permissions: Permissions,
    client: aiohttp.ClientSession,
) -> Any:
    """What the server says of itself."""
    connection = msgspec.convert(filled(ToolServer, data), ToolServer)
    _check(settings)
    if connection.type == "mcp" and connection.auth_type in OAUTH_TYPES:
        raise NotBuilt("Signing in to MCP servers by OAuth")
    given = {"auth_type": connection.auth_type or "none", "key": connection.key, "headers": connection.headers}
    headers = await server_headers(given, user, read_token(request), permissions)
    if connection.type == "mcp":
        try:
            async with McpSession(client=client, settings=settings, url=connection.url, headers=headers) as session:
                return {"status": True, "specs": await session.list_tools()}
        except McpError as error:
            log.info("MCP server %s: %s", connection.url, error)
            raise BadRequest("Failed to create MCP client") from None
    try:
        return await servers.fetch_document(build_document_url(connection.url, connection.path), headers)
    except ToolServerError as error:
        log.info("tool server %s: %s", connection.url, error)
        raise BadRequest("Failed to connect to the tool server") from None


@router.get("/terminal_servers")
async def terminal_servers(user: AdminUser, config: Config) -> Answer:
    return {"TERMINAL_SERVER_CONNECTIONS": config.get(TERMINALS)}


@router.post("/terminal_servers")
async def save_terminal_servers(data: TerminalServersForm, user: AdminUser, config: Config) -> Answer:
    """What a server itself keeps (its policy, its lifecycle) is not stored here."""
    found = all_filled(TerminalServer, data.TERMINAL_SERVER_CONNECTIONS, "TERMINAL_SERVER_CONNECTIONS")
    for one in found:
        one.pop("policy", None)
        one.pop("lifecycle", None)
    await config.set(TERMINALS, found)
    return {"TERMINAL_SERVER_CONNECTIONS": found}


class _Terminal:
    """A terminal server an administrator speaks to while setting it up."""

    def __init__(
        self, *, client: aiohttp.ClientSession, settings: Settings, url: str, key: str | None, auth_type: str | None
    ) -> None:
        _check(settings)
        self._url = (url or "").rstrip("/")
        if not self._url:
            raise BadRequest("Terminal server URL is required")
        self._client = client
        self._settings = settings
        token = (key or "").strip() if auth_type == "bearer" else ""
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    async def answers(self, path: str) -> bool:
        try:
            async with self._request("GET", path, None) as response:
                return bool(response.ok)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return False

    async def ask(self, method: str, path: str, body: Answer | None, *, failure: str) -> Any:
        """The server's JSON.

        Raises:
            HttpError: its own refusal, with its status and text; `failure` when it cannot be reached or understood.
        """
        try:
            async with self._request(method, path, body) as response:
                content = await response.read()
                if not response.ok:
                    raise HttpError(response.status, content.decode("utf-8", "replace"))
                return msgspec.json.decode(content)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            log.info("%s: %s", failure, error)
            raise BadRequest(failure) from None

    def _request(self, method: str, path: str, body: Answer | None) -> Any:
        return self._client.request(
            method,
            f"{self._url}/{path}",
            json=body,
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=self._settings.aiohttp_client_timeout),
            ssl=client_ssl(self._settings),
        )


@router.post("/terminal_servers/verify")
async def verify_terminal_server(
    data: Answer, user: AdminUser, settings: Settings, client: aiohttp.ClientSession
) -> Answer:
    """Servers that run a terminal for each user know policies, plain ones do not."""
    one = filled(TerminalServer, data)
    server = _Terminal(client=client, settings=settings, url=one["url"], key=one["key"], auth_type=one["auth_type"])
    if await server.answers("api/v1/policies"):
        return {"status": True, "type": "orchestrator"}
    if await server.answers("api/config"):
        return {"status": True, "type": "terminal"}
    raise BadRequest("Failed to connect to the terminal server")


@router.post("/terminal_servers/policy")
async def policy(data: PolicyForm, user: AdminUser, settings: Settings, client: aiohttp.ClientSession) -> Any:
    """Read a policy; write it where one is sent."""
    server = _Terminal(client=client, settings=settings, url=data.url, key=data.key, auth_type=data.auth_type)
    return await server.ask(
        "GET" if data.policy_data is None else "PUT",
        f"api/v1/policies/{quote(data.policy_id, safe='')}",
        data.policy_data,
        failure="Failed to access policy on terminal server",
    )


@router.post("/terminal_servers/lifecycle")
async def lifecycle(data: LifecycleForm, user: AdminUser, settings: Settings, client: aiohttp.ClientSession) -> Any:
    """Read a policy's lifecycle; write it where one is sent."""
    server = _Terminal(client=client, settings=settings, url=data.url, key=data.key, auth_type=data.auth_type)
    return await server.ask(
        "GET" if data.lifecycle_data is None else "PUT",
        f"api/v1/policies/{quote(data.policy_id, safe='')}/lifecycle",
        data.lifecycle_data,
        failure="Failed to access lifecycle on terminal server",
    )


@router.post("/terminal_servers/refresh")
async def refresh(data: RefreshForm, user: AdminUser, settings: Settings, client: aiohttp.ClientSession) -> Any:
    """Let a server renew its terminals."""
    server = _Terminal(client=client, settings=settings, url=data.url, key=data.key, auth_type=data.auth_type)
    body: Answer = {"only_idle": data.only_idle, "reset": data.reset}
    body |= {name: value for name in ("user_id", "policy_id") if (value := getattr(data, name))}
    return await server.ask("POST", "api/v1/terminals/refresh", body, failure="Failed to refresh terminals")
