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
from fastback.kit.json_decoding import decode_json
from fastback.settings import Settings
from fastback.settings.tls import build_client_ssl

log = logging.getLogger("fastback.tools")

#: Seconds after which the documents are fetched again; requests do not wait for that.
FRESH_SECONDS = 60.0

Connection = dict[str, Any]
Document = dict[str, Any]


class ToolServerError(Exception):
    """The tool server cannot be reached, returned an error, or did not return an OpenAPI document."""


class ToolServer(msgspec.Struct, frozen=True):
    """A reachable tool server: its id, the index of its connection, the connection, and its OpenAPI document."""

    id: str
    index: int
    connection: Connection
    document: Document

    @property
    def title(self) -> str:
        """Return its name: the administrator's, else the one in its document."""
        return str(self._get_info("name", "title", "Tool Server"))

    @property
    def description(self) -> str:
        return str(self._get_info("description", "description", ""))

    def _get_info(self, connection_field: str, document_field: str, default: str) -> Any:
        info = self.connection.get("info") or {}
        document_info = self.document.get("info")
        if connection_field in info:
            return info[connection_field]
        return document_info.get(document_field, default) if isinstance(document_info, dict) else default


def build_document_url(url: str | None, path: str) -> str:
    """Return the URL of a server's OpenAPI document: `path` itself if it is a URL, else relative to the address."""
    if "://" in path:
        return path
    return f"{(url or '').rstrip('/')}/{path.removeprefix('/')}"


def is_enabled_openapi_server(connection: Connection) -> bool:
    """Return whether a connection is an enabled OpenAPI server."""
    return bool((connection.get("config") or {}).get("enable")) and connection.get("type", "openapi") == "openapi"


class ToolServerRegistry:
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
        bus.subscribe(ConfigChanged, self._handle_config_change)

    def _handle_config_change(self, event: ConfigChanged) -> None:
        if TOOL_SERVER_CONNECTIONS in event.keys:
            self._loaded_at = None

    async def list_servers(self) -> list[ToolServer]:
        """Return the reachable servers. Wait only if nothing is cached for the current connections."""
        if not self._settings.enable_tool_servers or not any(map(is_enabled_openapi_server, self._list_connections())):
            return []
        if self._loaded_at is None or time.monotonic() - self._loaded_at > FRESH_SECONDS:
            if self._loading is None or self._loading.done():
                self._loading = asyncio.create_task(self._load_servers())
            if self._loaded_at is None:
                await asyncio.shield(self._loading)
        return self._servers

    def _list_connections(self) -> list[Connection]:
        return [
            connection for connection in self._config.get_list(TOOL_SERVER_CONNECTIONS) if isinstance(connection, dict)
        ]

    async def _load_servers(self) -> None:
        version = self._config.version
        connections = self._list_connections()
        servers = await asyncio.gather(*(self._load_server(*numbered) for numbered in enumerate(connections)))
        if version == self._config.version:
            self._servers = [server for server in servers if server is not None]
            self._loaded_at = time.monotonic()

    async def _load_server(self, index: int, connection: Connection) -> ToolServer | None:
        """Return a server, or None if it is disabled or unreachable."""
        if not is_enabled_openapi_server(connection):
            return None
        try:
            document = await self._load_document(connection)
        except ToolServerError as error:
            log.warning("tool server %s skipped: %s", connection.get("url"), error)
            return None
        if "paths" not in document:
            log.warning("tool server %s skipped: its OpenAPI document has no paths", connection.get("url"))
            return None
        server_id = (connection.get("info") or {}).get("id") or str(index)
        return ToolServer(str(server_id), index, connection, document)

    async def _load_document(self, connection: Connection) -> Document:
        if connection.get("spec_type", "url") == "json":
            return _decode_document(str(connection.get("spec") or "").encode())
        token = connection.get("key") if connection.get("auth_type", "bearer") == "bearer" else None
        url = build_document_url(connection.get("url"), connection.get("path") or "openapi.json")
        return await self.fetch_document(url, {"authorization": f"Bearer {token}"} if token else {})

    async def fetch_document(self, url: str, headers: dict[str, str]) -> Document:
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
                ssl=build_client_ssl(self._settings, tool_server=True),
            ) as response:
                body = await response.read()
                if response.status != 200:
                    raise ToolServerError(f"HTTP {response.status}")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise ToolServerError(str(error) or type(error).__name__) from error
        return _decode_document(body)


def _decode_document(body: bytes) -> Document:
    try:
        document = decode_json(body)
    except msgspec.DecodeError:
        raise ToolServerError("its description is not JSON") from None
    if not isinstance(document, dict):
        raise ToolServerError("its description is no object")
    return document
