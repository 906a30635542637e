"""An answer that is made while it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class Stream(Response):
    """Sends the pieces as they come; a client that hangs up ends the making of them."""

    def __init__(self, pieces: AsyncIterator[bytes], media_type: str, headers: dict[str, str] | None = None) -> None:
        self._pieces = pieces
        self._more = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
        self.status_code = 200
        self.media_type = media_type
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        extra = scope.get("fastback.headers", [])
        headers = [(b"content-type", str(self.media_type).encode()), *self._more, *extra]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send_pieces(self._pieces, receive, send)


async def send_pieces(pieces: AsyncIterator[bytes], receive: Receive, send: Send) -> None:
    """Send a body whose answer has begun, as its pieces come; a client that hangs up ends the making of them."""
    sending = asyncio.ensure_future(_sent(pieces, send))
    gone = asyncio.ensure_future(hung_up(receive))
    try:
        await asyncio.wait([sending, gone], return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            sending.result()
    finally:
        sending.cancel()
        gone.cancel()


async def _sent(pieces: AsyncIterator[bytes], send: Send) -> None:
    async for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def hung_up(receive: Receive) -> None:
    """Wait until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
