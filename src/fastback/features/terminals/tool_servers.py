"""Terminal servers as servers of tools: what their documents offer, and what they say of themselves in a chat."""

from __future__ import annotations

import asyncio
import logging
import ntpath
import posixpath
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.keys.connections import TERMINAL_SERVER_CONNECTIONS
from fastback.features.terminals import servers
from fastback.features.terminals.servers import Connection, TerminalRefused
from fastback.features.tools.servers import ToolServer, ToolServerRegistry
from fastback.kit.bus import Bus
from fastback.providers.request_context import RequestContext
from fastback.providers.response_body import CONNECTION_ERRORS, read_json_response
from fastback.providers.server_access import ServerHeaders, may_use_connection
from fastback.settings import Settings
from fastback.settings.tls import build_client_ssl

log = logging.getLogger("fastback.terminals")

#: Seconds that a terminal has to say its working directory, its system prompt, or the user's instructions.
TIMEOUT = 5.0
#: Seconds for which a terminal that took longer is not asked again about a user: it delays one question, not each.
SLOW_SECONDS = 20.0
#: Size of the file with the user's instructions; a larger one is left out.
MAX_INSTRUCTION_BYTES = 32 * 1024
_INSTRUCTION_FILE = "AGENTS.md"


class Terminal(msgspec.Struct, frozen=True):
    """A terminal of one chat: its connection, its document with the operations, and the headers of its requests."""

    connection: Connection
    server: ToolServer
    url: str
    headers: dict[str, str]

    @property
    def user_id(self) -> str:
        return self.headers["X-User-Id"]

    @property
    def options(self) -> dict[str, Any]:
        options = self.connection.get("config")
        return options if isinstance(options, dict) else {}


class TerminalContext(msgspec.Struct, frozen=True):
    """What a terminal says of itself: working directory, system prompt, the user's instructions; None where unknown."""

    directory: str | None = None
    system_prompt: str | None = None
    instructions: str | None = None


class TerminalToolServers:
    """Find the terminals whose tools chats use."""

    def __init__(
        self,
        *,
        client: aiohttp.ClientSession,
        config: Config,
        settings: Settings,
        permissions: Permissions,
        headers: ServerHeaders,
        bus: Bus,
    ) -> None:
        self._client = client
        self._config = config
        self._settings = settings
        self._permissions = permissions
        self._headers = headers
        self._registry = ToolServerRegistry(
            client=client,
            config=config,
            settings=settings,
            bus=bus,
            key=TERMINAL_SERVER_CONNECTIONS,
            convert=_convert_connection,
        )
        #: Until when terminals are not asked, by terminal and user.
        self._slow_until: dict[tuple[str, str], float] = {}

    def find_connection(self, terminal_id: str) -> Connection | None:
        """Return the connection of a terminal server, without a check of access, or None."""
        return next(
            (
                connection
                for connection in self._config.get_list(TERMINAL_SERVER_CONNECTIONS)
                if isinstance(connection, dict) and connection.get("id") == terminal_id
            ),
            None,
        )

    async def get_terminal(self, connection: Connection, ctx: RequestContext) -> Terminal:
        """Return the terminal of a connection for the chat and the user of a context.

        Raises:
            TerminalRefused: it is disabled, unreachable or without tools, or the user or the chat may not use it.
        """
        terminal_id = str(connection.get("id"))
        headers = await self._build_headers(connection, ctx)
        server = await self._registry.find_server(terminal_id)
        if server is None:
            raise TerminalRefused(503, 4003, f"Terminal server '{terminal_id}' is unavailable")
        if not server.operations:
            raise TerminalRefused(503, 4003, f"Terminal server '{terminal_id}' has no available tools")
        return Terminal(connection, server, str(server.connection["url"]), headers)

    async def _build_headers(self, connection: Connection, ctx: RequestContext) -> dict[str, str]:
        """Return the headers of requests to a terminal for the chat and the user of a context.

        Raises:
            TerminalRefused: it is disabled, or the user or the chat may not use it.
        """
        terminal_id, user = str(connection.get("id")), ctx.requester
        if not connection.get("enabled", True):
            raise TerminalRefused(503, 4003, f"Terminal server '{terminal_id}' is disabled")
        group_ids = await self._permissions.list_group_ids(user.id)
        if not may_use_connection(connection, user, group_ids, self._settings):
            raise TerminalRefused(503, 4003, f"Access denied to terminal {terminal_id}")
        headers = await self._headers.build_for_call(connection, ctx)
        headers["X-User-Id"] = user.id
        if ctx.chat_id:
            headers["X-Session-Id"] = ctx.chat_id
        if ctx.automation_id:
            return headers | servers.build_automation_headers(connection, ctx.automation_id)
        return headers | _build_chat_headers(connection, ctx.chat_id)

    async def set_directory(self, connection: Connection, ctx: RequestContext, path: str) -> None:
        """Set the working directory of a terminal for the chat of a context; a failure is logged.

        Raises:
            TerminalRefused: it is disabled, or the user or the automation may not use it.
        """
        headers, terminal_id = await self._build_headers(connection, ctx), str(connection.get("id"))
        try:
            async with self._client.post(
                URL(f"{servers.get_base_url(connection)}/files/cwd", encoded=True),
                json={"path": path},
                headers=headers,
                allow_redirects=False,
                ssl=build_client_ssl(self._settings, tool_server=True),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT),
            ) as response:
                response.raise_for_status()
        except CONNECTION_ERRORS as error:
            log.warning("terminal server %s: setting the working directory failed: %s", terminal_id, error)

    async def read_json(self, connection: Connection, ctx: RequestContext, path: str) -> Any:
        """Return the JSON that a terminal answers; None where it answers anything else, or not within `TIMEOUT`.

        Raises:
            TerminalRefused: it is disabled, or the user or the chat may not use it.
        """
        headers, terminal_id = await self._build_headers(connection, ctx), str(connection.get("id"))
        try:
            async with asyncio.timeout(TIMEOUT):
                return await self._get_json(terminal_id, servers.get_base_url(connection), headers, path)
        except TimeoutError:
            self._report_slow(terminal_id, ctx.requester.id)
            return None

    def is_slow(self, connection: Connection, user_id: str) -> bool:
        """Return whether a terminal has not answered a user in time a moment ago."""
        slow_until = self._slow_until.get((str(connection.get("id")), user_id), 0.0)
        return slow_until > asyncio.get_running_loop().time()

    def _report_slow(self, terminal_id: str, user_id: str) -> None:
        log.info("terminal server %s has not answered in time", terminal_id)
        now = asyncio.get_running_loop().time()
        self._slow_until = {key: until for key, until in self._slow_until.items() if until > now}
        self._slow_until[terminal_id, user_id] = now + SLOW_SECONDS

    async def load_context(self, terminal: Terminal) -> TerminalContext:
        """Ask a terminal for its context; what it does not say within `TIMEOUT` is left out."""
        if self.is_slow(terminal.connection, terminal.user_id):
            return TerminalContext()
        (directory, instructions), prompt = await asyncio.gather(
            self._load_directory(terminal), self._load_system_prompt(terminal)
        )
        return TerminalContext(directory, prompt, instructions)

    async def _load_directory(self, terminal: Terminal) -> tuple[str | None, str | None]:
        """Return the working directory, and the instructions in the user's home directory."""
        directory = instructions = None
        try:
            async with asyncio.timeout(TIMEOUT):
                answer = await self._read(terminal, "/files/cwd")
                if isinstance(answer, dict) and terminal.options.get("working_directory_context", True):
                    directory = _get_text(answer, "cwd")
                path = build_instructions_path(answer)
                if path is not None:
                    instructions = parse_instructions(await self._read(terminal, path))
        except TimeoutError:
            self._report_slow(str(terminal.connection.get("id")), terminal.user_id)
        return directory, instructions

    async def _load_system_prompt(self, terminal: Terminal) -> str | None:
        """Return the system prompt of a server that has one."""
        try:
            async with asyncio.timeout(TIMEOUT):
                answer = await self._read(terminal, "/api/config")
                features = answer.get("features") if isinstance(answer, dict) else None
                if not isinstance(features, dict) or not features.get("system"):
                    return None
                return _get_text(await self._read(terminal, "/system"), "prompt")
        except TimeoutError:
            return None

    async def _read(self, terminal: Terminal, path: str) -> Any:
        return await self._get_json(str(terminal.connection.get("id")), terminal.url, terminal.headers, path)

    async def _get_json(self, terminal_id: str, url: str, headers: dict[str, str], path: str) -> Any:
        """Return the JSON that a terminal answers; None where it answers anything else, or not at all."""
        try:
            async with self._client.get(
                URL(f"{url}{path}", encoded=True),
                headers={"Accept": "application/json", **headers},
                allow_redirects=False,
                ssl=build_client_ssl(self._settings, tool_server=True),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT),
            ) as response:
                return await read_json_response(response, 1024**2) if response.status == 200 else None
        except TimeoutError:
            raise
        except (*CONNECTION_ERRORS, ValueError) as error:
            log.info("terminal server %s: %s failed: %s", terminal_id, path, error)
            return None


def build_instructions_path(answer: Any) -> str | None:
    """Return the path for the user's instructions, from the answer to `/files/cwd`; None without a home directory."""
    home = _get_text(answer, "home")
    if home is None or not (posixpath.isabs(home) or ntpath.isabs(home)):
        return None
    return f"/files/read?path={quote(posixpath.join(home, _INSTRUCTION_FILE), safe='')}"


def parse_instructions(answer: Any) -> str | None:
    """Return the instructions as a message, from the answer to `/files/read`; None where they are empty or too long."""
    content = _get_text(answer, "content")
    if content is None or not content.strip():
        return None
    if len(content.encode("utf-8", "replace")) > MAX_INSTRUCTION_BYTES:
        log.warning("%s of a terminal skipped: more than %d bytes", _INSTRUCTION_FILE, MAX_INSTRUCTION_BYTES)
        return None
    return f"# {_INSTRUCTION_FILE}\n\n{content}"


def _get_text(answer: Any, name: str) -> str | None:
    value = answer.get(name) if isinstance(answer, dict) else None
    return value if isinstance(value, str) and value else None


def _build_chat_headers(connection: Connection, chat_id: str) -> dict[str, str]:
    """Return the header with the chat's runtime.

    Raises:
        TerminalRefused: the terminal is not available in chats, or not in this one.
    """
    terminal_id = connection.get("id")
    try:
        servers.require_chats_allowed(connection)
    except TerminalRefused:
        raise TerminalRefused(503, 4003, f"Terminal server '{terminal_id}' is not available for chat") from None
    try:
        return servers.build_chat_headers(connection, chat_id)
    except TerminalRefused:
        raise TerminalRefused(503, 4003, f"Terminal server '{terminal_id}' requires a saved chat context") from None


def _convert_connection(connection: Connection) -> Connection:
    """Return a connection in the form of a tool server's."""
    try:
        url = servers.get_base_url(connection) if connection.get("url") else ""
    except TerminalRefused:
        url = ""
    return {
        "url": url,
        "key": connection.get("key"),
        "auth_type": connection.get("auth_type", "bearer"),
        "path": connection.get("path") or "/openapi.json",
        "type": "openapi",
        "config": {"enable": bool(url) and connection.get("enabled", True)},
        "info": {"id": connection.get("id"), "name": connection.get("name")},
    }
