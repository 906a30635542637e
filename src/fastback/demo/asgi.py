"""The small part of HTTP that the demo server needs, on plain ASGI: its own cost must not show in benchmarks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec

Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]

#: Tokens before a requested silence, and before a requested break of the connection.
SILENT_AFTER, BREAK_AFTER = 3, 5


async def read_body(receive: Receive) -> bytes:
    """Return the complete request body."""
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def send_json(
    send: Send, content: Any, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    """Send a complete JSON response; `bytes` are sent unchanged."""
    body = content if isinstance(content, bytes) else msgspec.json.encode(content)
    standard_headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*standard_headers, *(headers or ())]})
    await send({"type": "http.response.body", "body": body})


async def send_bytes(send: Send, content: bytes, content_type: str) -> None:
    """Send a complete response."""
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


class BreakOff(Exception):
    """The connection is to be broken here."""


class Exchange:
    """A request, and the means to respond to its client."""

    def __init__(
        self, *, path: str, body: dict[str, Any], record: dict[str, Any], send: Send, receive: Receive, rate: float
    ) -> None:
        self.path = path
        self.body = body
        self.record = record
        #: Whether any part of the response has been sent.
        self.has_started = False
        self._send = send
        self._receive = receive
        self._rate = rate

    async def respond(self, content: Any, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None) -> None:
        """Send a complete JSON response."""
        self.has_started = True
        await send_json(self._send, content, status, headers)

    def open_stream(self, content_type: str) -> Stream:
        """Return a streamed response of this content type."""
        self.has_started = True
        return Stream(self._send, self._receive, rate=self._rate, content_type=content_type, record=self.record)

    async def wait(self, seconds: float) -> None:
        """Wait before the response.

        Raises:
            BreakOff: the client disconnected during this time.
        """
        if seconds <= 0:
            return
        disconnect = asyncio.ensure_future(wait_for_disconnect(self._receive))
        await asyncio.wait([disconnect], timeout=seconds)
        if disconnect.done():
            self.record["gone"] = True
            raise BreakOff
        disconnect.cancel()

    async def break_off(self) -> None:
        """Start a response, and break the connection."""
        self.has_started = True
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": b'{"id": "br', "more_body": True})
        raise BreakOff


class Stream:
    """A streamed response at a given rate (tokens per second; 0: unlimited) that notices when the client disconnects.

    It is a context manager: entering starts the response, leaving without an exception ends it.
    """

    #: Tokens between two yields to the event loop at unlimited rate; a paused connection yields by itself.
    _YIELD_INTERVAL = 16

    def __init__(self, send: Send, receive: Receive, *, rate: float, content_type: str, record: dict[str, Any]) -> None:
        self._send = send
        self._rate = rate
        self._content_type = content_type
        self._count = 0
        self._start_time = 0.0
        self._record = record
        self._disconnect = asyncio.ensure_future(wait_for_disconnect(receive))

    async def __aenter__(self) -> Stream:
        headers = [(b"content-type", self._content_type.encode()), (b"cache-control", b"no-cache")]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        self._start_time = asyncio.get_running_loop().time()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._has_disconnected()
        self._disconnect.cancel()
        if kind is None:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def _has_disconnected(self) -> bool:
        """Return whether the client has disconnected, and record it."""
        if self._disconnect.done():
            self._record["gone"] = True
            return True
        return False

    async def write(self, content: bytes) -> None:
        """Send bytes immediately, without counting them as a token."""
        await self._send({"type": "http.response.body", "body": content, "more_body": True})

    async def send_tokens(self, tokens: Iterable[bytes], *, silence: float = 0.0, is_broken: bool = False) -> None:
        """Send tokens, each at its time; times are counted from the start, so that late tokens catch up.

        Args:
            silence: seconds of silence after the third token.
            breaks: break the connection after the fifth token.

        Raises:
            BreakOff: as requested, or because the client has disconnected.
        """
        clock = asyncio.get_running_loop().time
        for index, token in enumerate(tokens):
            self._count += 1
            if silence and index == SILENT_AFTER:
                await self._wait(silence)
                self._start_time += silence
            if self._rate > 0:
                await self._wait(self._start_time + self._count / self._rate - clock())
            elif self._count % self._YIELD_INTERVAL == 0:
                await asyncio.sleep(0)
            if self._has_disconnected() or (is_broken and index == BREAK_AFTER):
                raise BreakOff
            await self._send({"type": "http.response.body", "body": token, "more_body": True})
        if is_broken:  # the reply was shorter
            raise BreakOff

    async def _wait(self, seconds: float) -> None:
        """Wait, but at most until the client disconnects."""
        if seconds > 0:
            await asyncio.wait([self._disconnect], timeout=seconds)


async def wait_for_disconnect(receive: Receive) -> None:
    """Return when the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
