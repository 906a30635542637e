"""A client of tool servers that speak MCP over HTTP: begins a session, lists the tools, ends it."""

from __future__ import annotations

import itertools
import logging
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import aiohttp
import msgspec

import fastback
from fastback.settings import Settings
from fastback.settings.tls import client_ssl

log = logging.getLogger("fastback.tools")

#: The version of the protocol that is asked for; what the server answers with counts.
PROTOCOL = "2025-06-18"
#: Bytes of an answer, and pages of a list, that are read at most.
LARGEST, MOST_PAGES = 16 * 1024 * 1024, 100

Message = dict[str, Any]


class McpFailed(Exception):
    """A server cannot be reached, refuses, or answers something that is no MCP."""


class McpSession:
    """A session with a server, within `async with`."""

    def __init__(
        self, *, client: aiohttp.ClientSession, settings: Settings, url: str, headers: dict[str, str] | None = None
    ) -> None:
        self._client = client
        self._settings = settings
        self._url = url
        self._headers = {**(headers or {}), "Accept": "application/json, text/event-stream"}
        self._ids = itertools.count(1)

    async def __aenter__(self) -> Self:
        """Begin. Raises: McpFailed."""
        asked = {
            "protocolVersion": PROTOCOL,
            "capabilities": {},
            "clientInfo": {"name": "fastback", "version": fastback.__version__},
        }
        found = await self._call("initialize", asked)
        self._headers["MCP-Protocol-Version"] = str(found.get("protocolVersion") or PROTOCOL)
        await self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the session, where the server keeps one; one that cannot be ended ends by itself."""
        if "Mcp-Session-Id" not in self._headers:
            return
        try:
            async with self._client.delete(self._url, **self._options()):
                pass
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            log.info("MCP session with %s stays: %s", self._url, problem or type(problem).__name__)

    async def tools(self) -> list[Message]:
        """The tools: `name`, `description` and `parameters` (a JSON schema). Raises: McpFailed."""
        found: list[Message] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await self._call("tools/list", {"cursor": cursor} if cursor else {})
            tools = page.get("tools")
            for tool in tools if isinstance(tools, list) else ():
                if isinstance(tool, dict) and isinstance(tool.get("name"), str):
                    schema = tool.get("inputSchema")
                    found.append({"name": tool["name"], "description": tool.get("description"), "parameters": schema})
            cursor = page.get("nextCursor")
            if not cursor:
                break
        return found

    async def _call(self, method: str, params: Message) -> Message:
        """The result of a call. Raises: McpFailed."""
        call_id = next(self._ids)
        answer = await self._send({"jsonrpc": "2.0", "id": call_id, "method": method, "params": params})
        if answer is None:
            raise McpFailed(f"{method}: no answer")
        if "error" in answer:
            error = answer["error"]
            raise McpFailed(f"{method}: {error.get('message') if isinstance(error, dict) else error}")
        result = answer.get("result")
        if not isinstance(result, dict):
            raise McpFailed(f"{method}: an answer without a result")
        return result

    def _options(self) -> dict[str, Any]:
        return {
            "headers": self._headers,
            "ssl": client_ssl(self._settings, tool_server=True),
            "timeout": aiohttp.ClientTimeout(total=self._settings.mcp_initialize_timeout),
            "allow_redirects": False,
            # An event is one line, however many tools it tells of; aiohttp takes none that is longer than its buffer.
            "read_bufsize": LARGEST,
        }

    async def _send(self, message: Message, *, again: bool = True) -> Message | None:
        """Post a message; the answer to it, if it asks for one. Raises: McpFailed."""
        try:
            async with self._client.post(self._url, json=message, **self._options()) as response:
                if response.status in (307, 308) and again and self._moved(response):
                    return await self._send(message, again=False)
                if response.status >= 300:
                    raise McpFailed(f"HTTP {response.status}")
                session = response.headers.get("Mcp-Session-Id")
                if session:
                    self._headers["Mcp-Session-Id"] = session
                if "id" not in message:
                    return None
                if response.content_type == "text/event-stream":
                    return await _from_events(response, message["id"])
                return _matching(await _limited(response), message["id"])
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise McpFailed(str(error) or type(error).__name__) from error

    def _moved(self, response: aiohttp.ClientResponse) -> bool:
        """Follow a server that is elsewhere on the same host: credentials go to no other."""
        found = urljoin(self._url, response.headers.get("location", ""))
        if urlsplit(found)[:2] != urlsplit(self._url)[:2]:
            return False
        self._url = found
        return True


async def _limited(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_chunked(65_536):
        body += piece
        if len(body) > LARGEST:
            raise McpFailed("its answer is too long")
    return bytes(body)


def _matching(body: bytes, call_id: int) -> Message | None:
    """The answer to a call among what was sent: one message, or a list of some. Raises: McpFailed."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise McpFailed("its answer is not JSON") from None
    for one in found if isinstance(found, list) else [found]:
        if isinstance(one, dict) and one.get("id") == call_id and ("result" in one or "error" in one):
            return one
    return None


async def _from_events(response: aiohttp.ClientResponse, call_id: int) -> Message | None:
    """The answer to a call in a stream of events; what else comes is passed over. Raises: McpFailed."""
    data: list[bytes] = []
    size = 0
    async for line in response.content:
        size += len(line)
        if size > LARGEST:
            raise McpFailed("its answer is too long")
        line = line.rstrip(b"\r\n")
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            found = _matching(b"\n".join(data), call_id)
            if found is not None:
                return found
            data = []
    return _matching(b"\n".join(data), call_id) if data else None
