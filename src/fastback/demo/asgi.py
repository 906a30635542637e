"""The little of HTTP that the demo server needs, over bare ASGI: it must not be what a benchmark measures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]


async def read_body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def send_json(send: Send, content: Any, status: int = 200) -> None:
    body = content if isinstance(content, bytes) else msgspec.json.encode(content)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Stream:
    """A streamed answer at a chosen rate; knows when the client has gone."""

    def __init__(self, send: Send, receive: Receive, *, rate: float, kind: str) -> None:
        self._send = send
        self._rate = rate
        self._kind = kind
        self._gone = asyncio.ensure_future(self._watch(receive))

    @staticmethod
    async def _watch(receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    @property
    def gone(self) -> bool:
        return self._gone.done()

    async def start(self) -> None:
        headers = [(b"content-type", self._kind.encode()), (b"cache-control", b"no-cache")]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def piece(self, content: bytes) -> None:
        await self._send({"type": "http.response.body", "body": content, "more_body": True})
        if self._rate > 0:
            await asyncio.sleep(1 / self._rate)
        else:
            await asyncio.sleep(0)

    async def raw(self, content: bytes) -> None:
        await self._send({"type": "http.response.body", "body": content, "more_body": True})

    async def end(self) -> None:
        self._gone.cancel()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def stop(self) -> None:
        self._gone.cancel()
