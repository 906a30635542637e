"""The little of HTTP that the demo server needs, over bare ASGI: it must not be what a benchmark measures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec

Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]

#: Pieces before a silence, and before breaking off, where these are asked for.
SILENT_AFTER, BREAK_AFTER = 3, 5


async def read_body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def send_json(
    send: Send, content: Any, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    body = content if isinstance(content, bytes) else msgspec.json.encode(content)
    known = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*known, *(headers or ())]})
    await send({"type": "http.response.body", "body": body})


class BreakOff(Exception):
    """The connection is to break off here."""


class Exchange:
    """A request and the way back to its client."""

    def __init__(
        self, *, path: str, body: dict[str, Any], noted: dict[str, Any], send: Send, receive: Receive, rate: float
    ) -> None:
        self.path = path
        self.body = body
        self.noted = noted
        #: Whether anything of the answer has been sent.
        self.begun = False
        self._send = send
        self._receive = receive
        self._rate = rate

    async def json(self, content: Any, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None) -> None:
        self.begun = True
        await send_json(self._send, content, status, headers)

    def stream(self, kind: str) -> Stream:
        self.begun = True
        return Stream(self._send, self._receive, rate=self._rate, kind=kind, noted=self.noted)

    async def wait(self, seconds: float) -> None:
        """Wait before the answer.

        Raises:
            BreakOff: the client did not wait as long.
        """
        if seconds <= 0:
            return
        left = asyncio.ensure_future(gone(self._receive))
        await asyncio.wait([left], timeout=seconds)
        if left.done():
            self.noted["gone"] = True
            raise BreakOff
        left.cancel()

    async def break_off(self) -> None:
        """Begin an answer, and break off."""
        self.begun = True
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": b'{"id": "br', "more_body": True})
        raise BreakOff


class Stream:
    """A streamed answer at a chosen rate (pieces a second; 0: as fast as it goes); knows when the client has gone.

    It is a context manager: it begins the answer, and ends it unless something was raised inside.
    """

    #: At full speed, others get their turn after so many pieces; a paused connection gives it at once.
    _TURN = 16

    def __init__(self, send: Send, receive: Receive, *, rate: float, kind: str, noted: dict[str, Any]) -> None:
        self._send = send
        self._rate = rate
        self._kind = kind
        self._count = 0
        self._begun = 0.0
        self._noted = noted
        self._gone = asyncio.ensure_future(gone(receive))

    async def __aenter__(self) -> Stream:
        headers = [(b"content-type", self._kind.encode()), (b"cache-control", b"no-cache")]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        self._begun = asyncio.get_running_loop().time()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._look()
        self._gone.cancel()
        if kind is None:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def _look(self) -> bool:
        """Whether the client has gone."""
        if self._gone.done():
            self._noted["gone"] = True
            return True
        return False

    async def raw(self, content: bytes) -> None:
        """Send something that is no piece: at once."""
        await self._send({"type": "http.response.body", "body": content, "more_body": True})

    async def say(self, pieces: Iterable[bytes], *, silence: float = 0.0, breaks: bool = False) -> None:
        """Send pieces, each when its time has come: times are counted from the start, so that late ones catch up.

        Args:
            silence: seconds in which nothing is said, after the third piece.
            breaks: break off after the fifth.

        Raises:
            BreakOff: as asked, or because the client has gone.
        """
        clock = asyncio.get_running_loop().time
        for place, piece in enumerate(pieces):
            self._count += 1
            if silence and place == SILENT_AFTER:
                await self._wait(silence)
                self._begun += silence
            if self._rate > 0:
                await self._wait(self._begun + self._count / self._rate - clock())
            elif self._count % self._TURN == 0:
                await asyncio.sleep(0)
            if self._look() or (breaks and place == BREAK_AFTER):
                raise BreakOff
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        if breaks:  # the answer was shorter
            raise BreakOff

    async def _wait(self, seconds: float) -> None:
        """Wait, but no longer than the client does."""
        if seconds > 0:
            await asyncio.wait([self._gone], timeout=seconds)


async def gone(receive: Receive) -> None:
    """Return when the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
