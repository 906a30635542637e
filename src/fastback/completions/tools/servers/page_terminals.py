"""Terminals that the page calls itself: those that users add to their own settings."""

from __future__ import annotations

import asyncio
from typing import Any

from fastback.access.permissions import Permissions
from fastback.completions.plugins.page_calls import PageCalls
from fastback.completions.turn import Turn
from fastback.config import Config
from fastback.config.keys.connections import DIRECT_INTEGRATIONS_ENABLE
from fastback.features.terminals.tool_servers import TIMEOUT, build_instructions_path, parse_instructions
from fastback.settings import Settings

Json = dict[str, Any]


class PageTerminals:
    """Read from the terminals of pages, and decide whether pages may bring servers at all."""

    def __init__(self, *, config: Config, settings: Settings, permissions: Permissions, page_calls: PageCalls) -> None:
        self._config = config
        self._settings = settings
        self._permissions = permissions
        self._page_calls = page_calls

    async def may_bring_servers(self, turn: Turn) -> bool:
        """Return whether the settings and the user's permissions let the page call servers."""
        if not self._settings.enable_tool_servers or not self._config.get_bool(DIRECT_INTEGRATIONS_ENABLE):
            return False
        user = turn.user
        return user.is_admin or await self._permissions.has(user.id, "features.direct_tool_servers")

    async def read_json(self, turn: Turn, path: str) -> Any:
        """Have the page read from the chat's terminal; None without an answer within `TIMEOUT`."""
        try:
            async with asyncio.timeout(TIMEOUT):
                return await self._ask_page(turn, path)
        except TimeoutError:
            return None

    async def read_instructions(self, turn: Turn) -> str | None:
        """Return the user's instructions in the chat's terminal as a message; None without any."""
        try:
            async with asyncio.timeout(TIMEOUT):
                path = build_instructions_path(await self._ask_page(turn, "/files/cwd"))
                return parse_instructions(await self._ask_page(turn, path)) if path else None
        except TimeoutError:
            return None

    async def _ask_page(self, turn: Turn, path: str) -> Any:
        request = turn.request
        data = {"terminal_id": get_terminal_id(turn), "path": path, "session_id": request.session_id}
        event = {"type": "request:terminal", "data": data}
        message = {"chat_id": request.chat_id, "message_id": turn.message_id or None, "data": event}
        reply = await self._page_calls.call(request.session_id, turn.user.id, message)
        return reply.get("data") if isinstance(reply, dict) else None


def get_terminal_id(turn: Turn) -> str:
    """Return the terminal that the page has selected: an id, or the address of one that the page itself calls."""
    terminal_id = turn.request.body.get("terminal_id")
    return terminal_id if isinstance(terminal_id, str) else ""


def list_page_servers(turn: Turn) -> list[Json]:
    """Return the servers that the page has sent with the request."""
    servers = turn.request.body.get("tool_servers")
    return [server for server in servers if isinstance(server, dict)] if isinstance(servers, list) else []


def is_selected(server: Json, turn: Turn) -> bool:
    """Return whether a server of the page is the terminal of the chat."""
    return server.get("is_terminal") is True and bool(server.get("url")) and server["url"] == get_terminal_id(turn)
