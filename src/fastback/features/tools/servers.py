"""Tool servers with OpenAPI: their documents are fetched in the background and cached."""

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

#: Seconds after which the documents are fetched again; requests do not wait for that.
FRESH = 60.0

Connection = dict[str, Any]
Document = dict[str, Any]


class ToolServerFailed(Exception):
    """The tool server cannot be reached, returned an error, or did not return an OpenAPI document."""


class ToolServer(msgspec.Struct, frozen=True):
    """A reachable tool server: its id, the index of its connection, the connection, and its OpenAPI document."""

    id: str
    place: int
    connection: Connection
    document: Document

    @property
    def title(self) -> str:
        """Return its name: the administrator's, else the one in its document."""
        return str(self._said("name", "title", "Tool Server"))

    @property
    def description(self) -> str:
        return str(self._said("description", "description", ""))

    def _said(self, ours: str, theirs: str, otherwise: str) -> Any:
        info = self.connection.get("info") or {}
        document_info = self.document.get("info")
        return (
            info[ours]
            if ours in info
            else (document_info if isinstance(document_info, dict) else {}).get(theirs, otherwise)
        )


def document_url(url: str | None, path: str) -> str:
    """Return the URL of a server's OpenAPI document: `path` itself if it is a URL, else relative to the address."""
    if "://" in path:
        return path
    return f"{(url or '').rstrip('/')}/{path.removeprefix('/')}"


def asked(connection: Connection) -> bool:
    """Return whether a connection is an enabled OpenAPI server."""
    return bool((connection.get("config") or {}).get("enable")) and connection.get("type", "openapi") == "openapi"


class ToolServers:
    """Lists the reachable tool servers with OpenAPI.

    An unreachable server is left out, even if its document was fetched before.
    """

    def __init__(self, *, client: aiohttp.ClientSession, config: Config, settings: Settings, bus: Bus) -> None:
        self._client = client
        self._config = config
        self._settings = settings
        self._servers: list[ToolServer] = []
        self._loaded_at: float | None = None
        self._loading: asyncio.Task[None] | None = None
        bus.subscribe(ConfigChanged, self._changed)

    def _changed(self, event: ConfigChanged) -> None:
        if TOOL_SERVER_CONNECTIONS in event.keys:
            self._loaded_at = None

    async def all(self) -> list[ToolServer]:
        """Return the reachable servers. Wait only if nothing is cached for the current connections."""
        if not self._settings.enable_tool_servers or not any(map(asked, self._connections())):
            return []
        if self._loaded_at is None or time.monotonic() - self._loaded_at > FRESH:
            if self._loading is None or self._loading.done():
                self._loading = asyncio.create_task(self._load())
            if self._loaded_at is None:
                await asyncio.shield(self._loading)
        return self._servers

    def _connections(self) -> list[Connection]:
        return [
            connection for connection in self._config.items(TOOL_SERVER_CONNECTIONS) if isinstance(connection, dict)
        ]

    async def _load(self) -> None:
        version = self._config.version
        connections = self._connections()
        servers = await asyncio.gather(*(self._server(*numbered) for numbered in enumerate(connections)))
        if version == self._config.version:
            self._servers = [server for server in servers if server is not None]
            self._loaded_at = time.monotonic()

    async def _server(self, place: int, connection: Connection) -> ToolServer | None:
        """Return a server, or None if it is disabled or unreachable."""
        if not asked(connection):
            return None
        try:
            document = await self._document(connection)
        except ToolServerFailed as error:
            log.warning("tool server %s skipped: %s", connection.get("url"), error)
            return None
        if "paths" not in document:
            log.warning("tool server %s skipped: its OpenAPI document has no paths", connection.get("url"))
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
        """Fetch the OpenAPI document of a server.

        Raises:
            ToolServerError: the server cannot be reached, returned an error, or did not return a JSON object.
        """
        timeout = self._settings.aiohttp_client_timeout_tool_server_data
        try:
            async with self._client.get(
                url,
                headers={"accept": "application/json", "content-type": "application/json", **headers},
                timeout=aiohttp.ClientTimeout(total=timeout),
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
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ToolServerFailed("its description is not JSON") from None
    if not isinstance(document, dict):
        raise ToolServerFailed("its description is no object")
    return document
