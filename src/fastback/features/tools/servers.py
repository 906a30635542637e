"""Tool servers that speak OpenAPI: what they say of themselves, fetched in the background and remembered."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import aiohttp
import msgspec

from fastback.config import Config
from fastback.config.keys.connections import TOOL_SERVER_CONNECTIONS
from fastback.config.store import ConfigChanged
from fastback.kit.bus import Bus
from fastback.settings import Settings
from fastback.settings.tls import client_ssl

log = logging.getLogger("fastback.tools")

KEY = TOOL_SERVER_CONNECTIONS
#: Seconds after which a description is asked for again, without anybody waiting for it.
FRESH = 60.0

Connection = dict[str, Any]
Document = dict[str, Any]


class ToolServerFailed(Exception):
    """A tool server cannot be reached, refused, or answered with something that is no description."""


class ToolServer(msgspec.Struct, frozen=True):
    """A server that answered: its id, the place of its connection, and its OpenAPI document."""

    id: str
    place: int
    connection: Connection
    document: Document

    @property
    def title(self) -> str:
        """Its name: the administrator's, else its own."""
        return str(self._said("name", "title", "Tool Server"))

    @property
    def description(self) -> str:
        return str(self._said("description", "description", ""))

    def _said(self, ours: str, theirs: str, otherwise: str) -> Any:
        info = self.connection.get("info") or {}
        own = self.document.get("info")
        return info[ours] if ours in info else (own if isinstance(own, dict) else {}).get(theirs, otherwise)


def document_url(url: str | None, path: str) -> str:
    """Where a server's description lies: `path` below its address, or a whole address itself."""
    if "://" in path:
        return path
    return f"{(url or '').rstrip('/')}/{path.removeprefix('/')}"


def asked(connection: Connection) -> bool:
    """Whether a connection is an OpenAPI server that is switched on."""
    return bool((connection.get("config") or {}).get("enable")) and connection.get("type", "openapi") == "openapi"


class ToolServers:
    """Knows the OpenAPI tool servers. One that is down is left out; what it last said is not shown as true."""

    def __init__(self, *, client: aiohttp.ClientSession, config: Config, settings: Settings, bus: Bus) -> None:
        self._client = client
        self._config = config
        self._settings = settings
        self._known: list[ToolServer] = []
        self._loaded_at: float | None = None
        self._loading: asyncio.Task[None] | None = None
        bus.subscribe(ConfigChanged, self._changed)

    def _changed(self, event: ConfigChanged) -> None:
        if KEY in event.keys:
            self._loaded_at = None

    async def all(self) -> list[ToolServer]:
        """Those that answer. Waits only when nothing is known yet of the connections as they stand."""
        if not self._settings.enable_tool_servers or not any(asked(one) for one in self._connections()):
            return []
        if self._loaded_at is None or time.monotonic() - self._loaded_at > FRESH:
            if self._loading is None or self._loading.done():
                self._loading = asyncio.create_task(self._load())
            if self._loaded_at is None:
                await asyncio.shield(self._loading)
        return self._known

    def _connections(self) -> list[Connection]:
        return [one for one in self._config.items(KEY) if isinstance(one, dict)]

    async def _load(self) -> None:
        version = self._config.version
        found = await asyncio.gather(*(self._server(place, one) for place, one in enumerate(self._connections())))
        if version == self._config.version:
            self._known = [one for one in found if one is not None]
            self._loaded_at = time.monotonic()

    async def _server(self, place: int, connection: Connection) -> ToolServer | None:
        if not asked(connection):
            return None
        try:
            document = await self._document(connection)
        except ToolServerFailed as error:
            log.warning("tool server %s: %s", connection.get("url"), error)
            return None
        if "paths" not in document:
            log.warning("tool server %s: its description names no paths", connection.get("url"))
            return None
        server_id = (connection.get("info") or {}).get("id") or str(place)
        return ToolServer(str(server_id), place, connection, document)

    async def _document(self, connection: Connection) -> Document:
        if connection.get("spec_type", "url") == "json":
            return _decoded(str(connection.get("spec") or "").encode())
        token = connection.get("key") if connection.get("auth_type", "bearer") == "bearer" else None
        url = document_url(connection.get("url"), connection.get("path") or "openapi.json")
        return await self.fetch(url, {"authorization": f"Bearer {token}"} if token else {})

    async def fetch(self, url: str, headers: dict[str, str]) -> Document:
        """A server's description.

        Raises:
            ToolServerFailed: it cannot be reached, refuses, or answers with something else.
        """
        seconds = self._settings.aiohttp_client_timeout_tool_server_data
        try:
            async with self._client.get(
                url,
                headers={"accept": "application/json", "content-type": "application/json", **headers},
                timeout=aiohttp.ClientTimeout(total=seconds),
                ssl=client_ssl(self._settings, tool_server=True),
            ) as response:
                body = await response.read()
                if response.status != 200:
                    raise ToolServerFailed(f"HTTP {response.status}")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise ToolServerFailed(str(error) or type(error).__name__) from error
        return _decoded(body)


def _decoded(body: bytes) -> Document:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ToolServerFailed("its description is not JSON") from None
    if not isinstance(found, dict):
        raise ToolServerFailed("its description is no object")
    return found
