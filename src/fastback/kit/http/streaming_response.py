"""An answer that is made while it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class StreamResponse(Response):
    """Sends the pieces as they come; a client that hangs up ends the making of them."""

    def __init__(self, pieces: AsyncIterator[bytes], media_type: str, headers: dict[str, str] | None = None) -> None:
        self._pieces = pieces
        self._extra_headers = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
        self.status_code = 200
        self.media_type = media_type
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope_headers = scope.get("fastback.headers", [])
        headers = [(b"content-type", str(self.media_type).encode()), *self._extra_headers, *scope_headers]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send_pieces(self._pieces, receive, send)


async def send_pieces(pieces: AsyncIterator[bytes], receive: Receive, send: Send) -> None:
    """Send a body whose answer has begun, as its pieces come; a client that hangs up ends the making of them."""
    send_task = asyncio.ensure_future(_send_all(pieces, send))
    disconnect_task = asyncio.ensure_future(wait_for_disconnect(receive))
    try:
        await asyncio.wait([send_task, disconnect_task], return_when=asyncio.FIRST_COMPLETED)
        if send_task.done():
            send_task.result()
    finally:
        send_task.cancel()
        disconnect_task.cancel()


async def _send_all(pieces: AsyncIterator[bytes], send: Send) -> None:
    async for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def wait_for_disconnect(receive: Receive) -> None:
    """Wait until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
