"""Connections to terminal servers: where they are, what they may be used in, who may use them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.keys.connections import TERMINAL_SERVER_CONNECTIONS
from fastback.features.chats.chat_ids import is_stored
from fastback.providers.server_access import opens
from fastback.settings import Settings

Connection = dict[str, Any]

#: What a terminal may be used in, and what its runtime may be kept for there.
CONTEXTS = {"chat": ("default", "chat_id"), "automation": ("default", "automation_id")}
#: The header that names the runtime of a terminal.
CONTEXT_HEADER = "X-Terminal-Context-Id"


class Refused(Exception):
    """A terminal may not be used.

    Attributes:
        status: of the answer; a WebSocket closes with `code` instead.
    """

    def __init__(self, status: int, code: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code
        self.reason = reason


class Terminals:
    """The connections of the configuration."""

    def __init__(self, config: Config, settings: Settings, permissions: Permissions) -> None:
        self._config = config
        self._settings = settings
        self._permissions = permissions

    def _all(self) -> list[Connection]:
        return [one for one in self._config.items(TERMINAL_SERVER_CONNECTIONS) if isinstance(one, dict)]

    async def usable(self, user: User) -> list[Connection]:
        """Those that the user may use."""
        if not self._settings.enable_tool_servers:
            return []
        groups = await self._permissions.list_group_ids(user.id)
        return [one for one in self._all() if one.get("enabled", True) and opens(one, user, groups, self._settings)]

    async def open(self, server_id: str, user: User) -> Connection:
        """A connection that the user uses.

        Raises:
            Refused: there is none, or not for this user.
        """
        if not self._settings.enable_tool_servers:
            raise Refused(403, 4003, "Tool servers are disabled")
        found = next((one for one in self._all() if one.get("id") == server_id), None)
        if found is None:
            raise Refused(404, 4004, f"Terminal server '{server_id}' not found")
        if not found.get("enabled", True):
            raise Refused(403, 4003, "Terminal server disabled")
        if not opens(found, user, await self._permissions.list_group_ids(user.id), self._settings):
            raise Refused(403, 4003, "Access denied")
        return found


def policy(connection: Connection) -> str:
    """The policy that a connection goes through; empty for none."""
    return str(connection.get("policy_id") or "").strip()


def address(connection: Connection) -> str:
    """Where a server is asked; below the connection's policy, if it has one. Raises: Refused, nobody said where."""
    base = str(connection.get("url") or "").rstrip("/")
    if policy(connection):
        return f"{base}/p/{quote(policy(connection), safe='')}"
    if not base:
        raise Refused(503, 4003, "Terminal server URL not configured")
    return base


def is_orchestrator(connection: Connection) -> bool:
    """Whether a server runs a terminal for each user."""
    return connection.get("server_type") == "orchestrator" or bool(connection.get("policy_id"))


def _known_contexts(connection: Connection) -> dict[str, Any]:
    known = (connection.get("config") or {}).get("contexts") if is_orchestrator(connection) else None
    return known if isinstance(known, dict) else {}


def contexts(connection: Connection) -> dict[str, Any]:
    """Where a server that runs a terminal for each user offers it; nothing said: everywhere, one for all."""
    found: dict[str, Any] = {}
    for context, value in _known_contexts(connection).items():
        if context not in CONTEXTS:
            continue
        if value is False:
            found[context] = False
        elif isinstance(value, dict):
            source = value.get("context_id")
            found[context] = {"context_id": source} if source in CONTEXTS[context] else {}
    return found


def in_chats(connection: Connection) -> None:
    """Raises: Refused, the server is not to be used in chats."""
    if _known_contexts(connection).get("chat") is False:
        raise Refused(403, 4003, "Terminal server is not available in chats")


def chat_context(connection: Connection, chat_id: str) -> dict[str, str]:
    """The header that names a chat's own runtime, where each chat is to have one.

    Raises:
        Refused: the chat is not stored, so that it can have none.
    """
    found = _known_contexts(connection).get("chat")
    if not isinstance(found, dict) or found.get("context_id") != "chat_id":
        return {}
    if not is_stored(chat_id):
        raise Refused(409, 4003, "A saved chat is required for this terminal")
    return {CONTEXT_HEADER: f"chat:{chat_id}"}


def uploads(connection: Connection) -> str:
    """Where files of a chat go."""
    mode = (connection.get("config") or {}).get("chat_uploads")
    return mode if mode in ("default", "filesystem") else "default"
