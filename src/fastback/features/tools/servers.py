"""Tool servers with OpenAPI: their documents are fetched in the background and cached."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import msgspec

from fastback.config import Config
from fastback.config.key import ConfigKey
from fastback.config.keys.connections import TOOL_SERVER_CONNECTIONS
from fastback.config.store import ConfigChanged
from fastback.features.tools.openapi.documents import MAX_BYTES, InvalidDocument, decode_document
from fastback.features.tools.openapi.operations import Operation, list_operations
from fastback.kit.bus import Bus
from fastback.providers.response_body import CONNECTION_ERRORS, read_response
from fastback.settings import Settings
from fastback.settings.tls import build_client_ssl

log = logging.getLogger("fastback.tools")

#: Seconds after which the documents are fetched again; requests do not wait for that.
FRESH_SECONDS = 60.0
#: Seconds after which a turn tries an unreachable server again, and waits for it.
RETRY_SECONDS = 5.0

Connection = dict[str, Any]
Document = dict[str, Any]


class ToolServerError(Exception):
    """The tool server cannot be reached, returned an error, or did not return an OpenAPI document."""


class ToolServer(msgspec.Struct, frozen=True):
    """A reachable tool server: its id, the index of its connection, the connection, its document and its operations."""

    id: str
    index: int
    connection: Connection
    document: Document
    operations: tuple[Operation, ...] = ()

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


class _Entry:
    """The latest state of one connection: its server, None while it is unreachable or was never loaded."""

    def __init__(self, index: int, connection: Connection) -> None:
        self.index = index
        self.connection = connection
        self.server: ToolServer | None = None
        self.loaded_at: float | None = None
        self.digest = b""
        self.loading: asyncio.Task[None] | None = None

    @property
    def age(self) -> float:
        """Return the seconds since it was loaded; infinite before the first time."""
        return math.inf if self.loaded_at is None else time.monotonic() - self.loaded_at

    @property
    def id(self) -> str:
        """Return the id of the server: the administrator's, else its number among the connections."""
        return str((self.connection.get("info") or {}).get("id") or self.index)


class ToolServerRegistry:
    """Lists the reachable tool servers with OpenAPI. Each is loaded on its own, so a slow one delays no other.

    An unreachable server is left out, even if its document was fetched before.
    """

    def __init__(
        self,
        *,
        client: aiohttp.ClientSession,
        config: Config,
        settings: Settings,
        bus: Bus,
        key: ConfigKey = TOOL_SERVER_CONNECTIONS,
        convert: Callable[[Connection], Connection] = lambda connection: connection,
    ) -> None:
        """`key`: where the connections are stored; `convert` returns one of them in the form of a tool server's."""
        self._client = client
        self._config = config
        self._settings = settings
        self._key = key
        self._convert = convert
        self._entries: dict[int, _Entry] = {}
        bus.subscribe(ConfigChanged, self._handle_config_change)

    def _handle_config_change(self, event: ConfigChanged) -> None:
        if self._key in event.keys:
            self._entries.clear()

    async def list_servers(self) -> list[ToolServer]:
        """Return the reachable servers. Wait only for those that were never loaded."""
        servers = await asyncio.gather(*(self._load(entry) for entry in self._list_entries()))
        return [server for server in servers if server is not None]

    def find_connection(self, server_id: str) -> Connection | None:
        """Return the connection of an enabled server, or None."""
        entry = self._find_entry(server_id)
        return entry.connection if entry is not None else None

    async def find_server(self, server_id: str) -> ToolServer | None:
        """Return a reachable server, or None; one that was unreachable some seconds ago is tried again."""
        entry = self._find_entry(server_id)
        return await self._load(entry, retry_seconds=RETRY_SECONDS) if entry is not None else None

    def _find_entry(self, server_id: str) -> _Entry | None:
        return next((entry for entry in self._list_entries() if entry.id == server_id), None)

    def _list_entries(self) -> list[_Entry]:
        if not self._settings.enable_tool_servers:
            return []
        entries: list[_Entry] = []
        for index, connection in enumerate(self._config.get_list(self._key)):
            entry = self._entries.get(index)
            if entry is None and isinstance(connection, dict):
                converted = self._convert(connection)
                if is_enabled_openapi_server(converted):
                    entry = self._entries[index] = _Entry(index, converted)
            if entry is not None:
                entries.append(entry)
        return entries

    async def _load(self, entry: _Entry, *, retry_seconds: float = FRESH_SECONDS) -> ToolServer | None:
        """Return the server of an entry; reload an old one, in the background if it was reachable."""
        if entry.age > (FRESH_SECONDS if entry.server is not None else retry_seconds):
            if entry.loading is None or entry.loading.done():
                entry.loading = asyncio.create_task(self._load_entry(entry))
            if entry.loaded_at is None or (entry.server is None and retry_seconds < FRESH_SECONDS):
                await asyncio.shield(entry.loading)
        return entry.server

    async def _load_entry(self, entry: _Entry) -> None:
        """Fetch the document of an entry, and set its server, in place."""
        connection = entry.connection
        try:
            body = await self._read_document(connection)
            digest = await asyncio.to_thread(lambda: hashlib.sha256(body).digest())
            if entry.server is None or digest != entry.digest:
                document = await decode_document(body)
                if "paths" not in document:
                    raise InvalidDocument("its OpenAPI document has no paths")
                operations = await asyncio.to_thread(list_operations, document)
                entry.server = ToolServer(entry.id, entry.index, connection, document, operations)
                entry.digest = digest
        except (ToolServerError, InvalidDocument) as error:
            log.warning("tool server %s skipped: %s", connection.get("url"), error)
            entry.server = None
        except Exception:
            log.exception("tool server %s skipped", connection.get("url"))
            entry.server = None
        entry.loaded_at = time.monotonic()

    async def _read_document(self, connection: Connection) -> bytes:
        if connection.get("spec_type", "url") == "json":
            return str(connection.get("spec") or "").encode()
        token = connection.get("key") if connection.get("auth_type", "bearer") == "bearer" else None
        url = build_document_url(connection.get("url"), connection.get("path") or "openapi.json")
        return await self._fetch(url, {"authorization": f"Bearer {token}"} if token else {})

    async def fetch_document(self, url: str, headers: dict[str, str]) -> Document:
        """Fetch the OpenAPI document of a server.

        Raises:
            ToolServerError: the server cannot be reached, returned an error, or no document.
        """
        body = await self._fetch(url, headers)
        try:
            return await decode_document(body)
        except InvalidDocument as error:
            raise ToolServerError(str(error)) from None

    async def _fetch(self, url: str, headers: dict[str, str]) -> bytes:
        timeout = self._settings.aiohttp_client_timeout_tool_server_data
        try:
            async with self._client.get(
                url,
                headers={"accept": "application/json", "content-type": "application/json", **headers},
                timeout=aiohttp.ClientTimeout(total=timeout),
                ssl=build_client_ssl(self._settings, tool_server=True),
            ) as response:
                if response.status != 200:
                    raise ToolServerError(f"HTTP {response.status}")
                return await read_response(response, MAX_BYTES)
        except (*CONNECTION_ERRORS, ValueError) as error:
            raise ToolServerError(str(error) or type(error).__name__) from error
