"""Connections to terminal servers: addresses, access, and the contexts in which they are available."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.keys.connections import TERMINAL_SERVER_CONNECTIONS
from fastback.features.chats.chat_ids import is_stored
from fastback.providers.server_access import may_use_connection
from fastback.settings import Settings

Connection = dict[str, Any]

#: The contexts in which a terminal is available, and for each the possible owners of its runtime.
CONTEXTS = {"chat": ("default", "chat_id"), "automation": ("default", "automation_id")}
#: Name of the header with the id of a terminal's runtime.
CONTEXT_HEADER = "X-Terminal-Context-Id"


class TerminalRefused(Exception):
    """The use of a terminal is refused.

    Attributes:
        status: status of the HTTP response.
        code: close code of a WebSocket.
        reason: text for the user.
    """

    def __init__(self, status: int, code: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code
        self.reason = reason


class TerminalServers:
    """The connections to terminal servers in the configuration."""

    def __init__(self, config: Config, settings: Settings, permissions: Permissions) -> None:
        self._config = config
        self._settings = settings
        self._permissions = permissions

    def _list_connections(self) -> list[Connection]:
        return [
            connection
            for connection in self._config.get_list(TERMINAL_SERVER_CONNECTIONS)
            if isinstance(connection, dict)
        ]

    async def list_usable(self, user: User) -> list[Connection]:
        """Return the connections that the user may use."""
        if not self._settings.enable_tool_servers:
            return []
        group_ids = await self._permissions.list_group_ids(user.id)
        return [
            connection
            for connection in self._list_connections()
            if connection.get("enabled", True) and may_use_connection(connection, user, group_ids, self._settings)
        ]

    async def get_connection(self, server_id: str, user: User) -> Connection:
        """Return a connection that the user may use.

        Raises:
            TerminalRefused: the connection does not exist or is disabled, or the user has no access.
        """
        if not self._settings.enable_tool_servers:
            raise TerminalRefused(403, 4003, "Tool servers are disabled")
        connection = next((item for item in self._list_connections() if item.get("id") == server_id), None)
        if connection is None:
            raise TerminalRefused(404, 4004, f"Terminal server '{server_id}' not found")
        if not connection.get("enabled", True):
            raise TerminalRefused(403, 4003, "Terminal server disabled")
        if not may_use_connection(connection, user, await self._permissions.list_group_ids(user.id), self._settings):
            raise TerminalRefused(403, 4003, "Access denied")
        return connection


def get_policy_id(connection: Connection) -> str:
    """Return the id of a connection's policy, or an empty string."""
    return str(connection.get("policy_id") or "").strip()


def get_base_url(connection: Connection) -> str:
    """Return the base URL of a server, below the connection's policy if it has one.

    Raises:
        TerminalRefused: the connection has no address.
    """
    base = str(connection.get("url") or "").rstrip("/")
    if get_policy_id(connection):
        return f"{base}/p/{quote(get_policy_id(connection), safe='')}"
    if not base:
        raise TerminalRefused(503, 4003, "Terminal server URL not configured")
    return base


def is_orchestrator(connection: Connection) -> bool:
    """Return whether a server runs a separate terminal for each user."""
    return connection.get("server_type") == "orchestrator" or bool(connection.get("policy_id"))


def _get_context_options(connection: Connection) -> dict[str, Any]:
    contexts = (connection.get("config") or {}).get("contexts") if is_orchestrator(connection) else None
    return contexts if isinstance(contexts, dict) else {}


def list_contexts(connection: Connection) -> dict[str, Any]:
    """Return the contexts in which an orchestrator is available; empty: everywhere, with one shared runtime."""
    contexts: dict[str, Any] = {}
    for context, value in _get_context_options(connection).items():
        if context not in CONTEXTS:
            continue
        if value is False:
            contexts[context] = False
        elif isinstance(value, dict):
            source = value.get("context_id")
            contexts[context] = {"context_id": source} if source in CONTEXTS[context] else {}
    return contexts


def require_chats_allowed(connection: Connection) -> None:
    """Raise TerminalRefused if the server is not available in chats."""
    if _get_context_options(connection).get("chat") is False:
        raise TerminalRefused(403, 4003, "Terminal server is not available in chats")


def build_automation_headers(connection: Connection, automation_id: str) -> dict[str, str]:
    """Return the header that names the automation's own runtime, if each automation has one.

    Raises:
        TerminalRefused: the server is not available in automations.
    """
    options = _get_context_options(connection).get("automation")
    if options is False:
        text = f"Terminal server '{connection.get('id')}' is not available for automation"
        raise TerminalRefused(503, 4003, text)
    if not isinstance(options, dict) or options.get("context_id") != "automation_id":
        return {}
    return {CONTEXT_HEADER: f"automation:{automation_id}"}


def build_chat_headers(connection: Connection, chat_id: str) -> dict[str, str]:
    """Return the header that names the chat's own runtime, if each chat has one.

    Raises:
        TerminalRefused: the chat is not stored, so it cannot have a runtime.
    """
    options = _get_context_options(connection).get("chat")
    if not isinstance(options, dict) or options.get("context_id") != "chat_id":
        return {}
    if not is_stored(chat_id):
        raise TerminalRefused(409, 4003, "A saved chat is required for this terminal")
    return {CONTEXT_HEADER: f"chat:{chat_id}"}


def get_upload_mode(connection: Connection) -> str:
    """Return where files of a chat are uploaded to: `default` or `filesystem`."""
    mode = (connection.get("config") or {}).get("chat_uploads")
    return mode if mode in ("default", "filesystem") else "default"
