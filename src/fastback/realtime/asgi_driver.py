"""How Engine.IO reads requests and WebSockets of an ASGI server, in place of the library's own driver.

The library's driver defines a class for each request, and raises an error when a client is gone: both stay in memory
with the closed connection until the garbage collector finds them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastback.kit.http.application import Receive, Scope, Send
from fastback.kit.http.websocket_protocol import WebSocketProtocol, find_websocket
from fastback.realtime.packets import SlicedPacket

#: The headers that the library reads, by its names for them. The others would stay in memory with the socket.
_HEADERS = {
    b"content-length": "CONTENT_LENGTH",
    b"accept-encoding": "HTTP_ACCEPT_ENCODING",
    b"access-control-request-headers": "HTTP_ACCESS_CONTROL_REQUEST_HEADERS",
    b"connection": "HTTP_CONNECTION",
    b"origin": "HTTP_ORIGIN",
    b"upgrade": "HTTP_UPGRADE",
}


class _Body:
    """The body of a request."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive

    async def read(self, length: int) -> bytes:
        """Return the body, which has `length` bytes; less where the client disconnects."""
        parts: list[bytes] = []
        more = True
        while more:
            message = await self._receive()
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        return b"".join(parts)[:length]


async def build_environ(scope: Scope, receive: Receive, send: Send) -> dict[str, Any]:
    """Return a request in the form in which the library reads it."""
    is_websocket = scope["type"] == "websocket"
    if is_websocket:
        await receive()
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.get("method", "GET"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "wsgi.input": _Body(receive),
        "wsgi.url_scheme": scope["scheme"],
        "asgi.receive": receive,
        "asgi.send": send,
        "asgi.scope": scope,
    }
    for name, value in scope["headers"]:
        if key := _HEADERS.get(name.lower()):
            environ[key] = value.decode("latin-1")
    return environ


class WebSocketTransport:
    """Accept a WebSocket, and run `handler` with this object, which sends and receives its messages."""

    def __init__(self, handler: Callable[[WebSocketTransport], Awaitable[None]], server: Any) -> None:
        self._handler = handler
        self._receive: Any = None
        self._send: Any = None
        self._connection: WebSocketProtocol | None = None

    async def __call__(self, environ: Any) -> str:
        self._receive, self._send = environ["asgi.receive"], environ["asgi.send"]
        self._connection = find_websocket(environ["asgi.scope"])
        if self._connection is not None:
            self._connection.passes_fragments = True
        await self._send({"type": "websocket.accept"})
        await self._handler(self)
        self._connection = None
        return ""  # no response

    async def close(self) -> None:
        try:
            await self._send({"type": "websocket.close"})
        except (OSError, RuntimeError):
            pass  # closed already

    async def send(self, message: str | bytes | SlicedPacket) -> None:
        if isinstance(message, SlicedPacket):
            if self._connection is not None:
                await self._connection.send_frames(message.slices)
                return
            message = b"".join(message.slices).decode()
        kind = "bytes" if isinstance(message, bytes) else "text"
        await self._send({"type": "websocket.send", kind: message})

    async def wait(self) -> str | bytes | None:
        """Return the next message, a long text as `FragmentedText`; None once the client is gone."""
        message = await self._receive()
        if message["type"] != "websocket.receive":
            return None
        text: str | None = message.get("text")
        data: bytes | None = message.get("bytes")
        return data if text is None else text
