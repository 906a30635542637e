"""A client of MCP servers over HTTP: it opens a session, lists the tools, and closes the session."""

from __future__ import annotations

import itertools
import logging
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import aiohttp
import msgspec

import fastback
from fastback.kit.json_decoding import decode_json
from fastback.settings import Settings
from fastback.settings.tls import build_client_ssl

log = logging.getLogger("fastback.tools")

#: The version of the protocol that the client requests; the version in the server's response is used.
PROTOCOL_VERSION = "2025-06-18"
#: Limits of what is read: bytes of a response, pages of a list.
LARGEST_RESPONSE, MAX_PAGES = 16 * 1024 * 1024, 100

Message = dict[str, Any]


class McpError(Exception):
    """The server cannot be reached, returned an error, or does not speak MCP."""


class McpSession:
    """A session with a server; use it with `async with`."""

    def __init__(
        self, *, client: aiohttp.ClientSession, settings: Settings, url: str, headers: dict[str, str] | None = None
    ) -> None:
        self._client = client
        self._settings = settings
        self._url = url
        self._headers = {**(headers or {}), "Accept": "application/json, text/event-stream"}
        self._ids = itertools.count(1)

    async def __aenter__(self) -> Self:
        """Open the session.

        Raises:
            McpError: the server refused it.
        """
        params = {
            "protocolVersion": PROTOCOL_VERSION,
            "capabilities": {},
            "clientInfo": {"name": "fastback", "version": fastback.__version__},
        }
        result = await self._call_method("initialize", params)
        self._headers["MCP-Protocol-Version"] = str(result.get("protocolVersion") or PROTOCOL_VERSION)
        await self._post_message({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session if the server keeps one. A failure is only logged: the server drops the session in time."""
        if "Mcp-Session-Id" not in self._headers:
            return
        try:
            async with self._client.delete(self._url, **self._build_request_options()):
                pass
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            log.info("closing of MCP session with %s failed: %s", self._url, problem or type(problem).__name__)

    async def list_tools(self) -> list[Message]:
        """Return the tools, each with `name`, `description` and `parameters` (a JSON schema).

        Raises:
            McpError: the server failed.
        """
        result: list[Message] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            result_page = await self._call_method("tools/list", {"cursor": cursor} if cursor else {})
            entries = result_page.get("tools")
            for entry in entries if isinstance(entries, list) else ():
                if isinstance(entry, dict) and isinstance(entry.get("name"), str):
                    schema = entry.get("inputSchema")
                    result.append(
                        {"name": entry["name"], "description": entry.get("description"), "parameters": schema}
                    )
            cursor = result_page.get("nextCursor")
            if not cursor:
                break
        return result

    async def _call_method(self, method: str, params: Message) -> Message:
        """Return the result of a method call.

        Raises:
            McpError: the server failed.
        """
        call_id = next(self._ids)
        response = await self._post_message({"jsonrpc": "2.0", "id": call_id, "method": method, "params": params})
        if response is None:
            raise McpError(f"{method}: no answer")
        if "error" in response:
            error = response["error"]
            raise McpError(f"{method}: {error.get('message') if isinstance(error, dict) else error}")
        result = response.get("result")
        if not isinstance(result, dict):
            raise McpError(f"{method}: an answer without a result")
        return result

    def _build_request_options(self) -> dict[str, Any]:
        return {
            "headers": self._headers,
            "ssl": build_client_ssl(self._settings, tool_server=True),
            "timeout": aiohttp.ClientTimeout(total=self._settings.mcp_initialize_timeout),
            "allow_redirects": False,
            # An event is a single line, however many tools it lists, and aiohttp rejects lines longer than its buffer.
            "read_bufsize": LARGEST_RESPONSE,
        }

    async def _post_message(self, message: Message, *, may_redirect: bool = True) -> Message | None:
        """Post a message and return the response to it; None if the message does not ask for one.

        Raises:
            McpError: the server failed.
        """
        try:
            async with self._client.post(self._url, json=message, **self._build_request_options()) as response:
                if response.status in (307, 308) and may_redirect and self._follow_redirect(response):
                    return await self._post_message(message, may_redirect=False)
                if response.status >= 300:
                    raise McpError(f"HTTP {response.status}")
                session = response.headers.get("Mcp-Session-Id")
                if session:
                    self._headers["Mcp-Session-Id"] = session
                if "id" not in message:
                    return None
                if response.content_type == "text/event-stream":
                    return await _find_response_in_events(response, message["id"])
                return _find_response(await _read_body(response), message["id"])
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise McpError(str(error) or type(error).__name__) from error

    def _follow_redirect(self, response: aiohttp.ClientResponse) -> bool:
        """Change the address to that of a redirect on the same host; return whether it was changed.

        Other hosts are not followed, because the request carries credentials.
        """
        location = urljoin(self._url, response.headers.get("location", ""))
        if urlsplit(location)[:2] != urlsplit(self._url)[:2]:
            return False
        self._url = location
        return True


async def _read_body(response: aiohttp.ClientResponse) -> bytes:
    """Return the body of a response.

    Raises:
        McpError: it is too long.
    """
    body = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        body += chunk
        if len(body) > LARGEST_RESPONSE:
            raise McpError("its answer is too long")
    return bytes(body)


def _find_response(body: bytes, call_id: int) -> Message | None:
    """Return the response to a call in a body that holds one message or a list of them; None if it holds no response.

    Raises:
        McpError: the body is not JSON.
    """
    try:
        content = decode_json(body)
    except msgspec.DecodeError:
        raise McpError("its answer is not JSON") from None
    for message in content if isinstance(content, list) else [content]:
        if isinstance(message, dict) and message.get("id") == call_id and ("result" in message or "error" in message):
            return message
    return None


async def _find_response_in_events(response: aiohttp.ClientResponse, call_id: int) -> Message | None:
    """Return the response to a call in a stream of events; other messages are skipped.

    Raises:
        McpError: the stream is too long, or an event is not JSON.
    """
    data: list[bytes] = []
    size = 0
    async for line in response.content:
        size += len(line)
        if size > LARGEST_RESPONSE:
            raise McpError("its answer is too long")
        line = line.rstrip(b"\r\n")
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            response_message = _find_response(b"\n".join(data), call_id)
            if response_message is not None:
                return response_message
            data = []
    return _find_response(b"\n".join(data), call_id) if data else None
