"""Whole answers, compressed for clients that ask; streams and what is compressed already pass untouched."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any

from fastback.kit.http.application import Asgi, Receive, Scope, Send

#: Answers below this many bytes fit into two packets anyway.
SMALLEST = 2048
#: Answers above this many bytes are compressed by a thread: in the event loop they would hold up everybody.
LARGEST_INLINE = 128 * 1024

_TYPES = (b"text/", b"application/json", b"application/x-ndjson", b"image/svg+xml")


def _gzip(content: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(content) + packer.flush()


def _asks(scope: Scope) -> bool:
    for name, value in scope["headers"]:
        if name == b"accept-encoding":
            return b"gzip" in value and b"gzip;q=0" not in value.replace(b" ", b"")
    return False


def _header(message: dict[str, Any], wanted: bytes) -> bytes:
    return next((value for name, value in message["headers"] if name.lower() == wanted), b"")


class Compression:
    """ASGI middleware; gzip at its fastest level, which takes JSON to a fifth."""

    def __init__(self, app: Asgi) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _asks(scope):
            await self._app(scope, receive, send)
            return
        held: dict[str, Any] | None = None

        async def pack(message: dict[str, Any]) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and _fits(message):
                held = message
                return
            if held is None or message["type"] != "http.response.body":
                await send(message)
                return
            start, held = held, None
            content = message.get("body", b"")
            if message.get("more_body") or len(content) < SMALLEST:
                await send(start)
                await send(message)
                return
            packed = _gzip(content) if len(content) <= LARGEST_INLINE else await asyncio.to_thread(_gzip, content)
            kept = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
            length = str(len(packed)).encode()
            more = [(b"content-encoding", b"gzip"), (b"vary", b"Accept-Encoding"), (b"content-length", length)]
            await send({**start, "headers": [*kept, *more]})
            await send({"type": "http.response.body", "body": packed})

        await self._app(scope, receive, pack)


def _fits(start: dict[str, Any]) -> bool:
    """Whether an answer is text of known length that is large enough and not packed yet."""
    length = _header(start, b"content-length")
    return (
        length.isdigit()
        and int(length) >= SMALLEST
        and start["status"] != 206
        and not _header(start, b"content-encoding")
        and _header(start, b"content-type").startswith(_TYPES)
    )
