"""A response whose body is generated while it is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fastback.kit.http.disconnect import run_while_connected
from fastback.kit.pacing import let_others_run

#: Bytes of a chunk that takes long to compress or send.
_LARGE_CHUNK = 64 * 1024


class StreamResponse(Response):
    """Send chunks as they come; when the client disconnects, their iterator is cancelled."""

    def __init__(self, chunks: AsyncIterator[bytes], media_type: str, headers: dict[str, str] | None = None) -> None:
        self._chunks = chunks
        self._extra_headers = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
        self.status_code = 200
        self.media_type = media_type
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", str(self.media_type).encode()), *self._extra_headers]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send_chunks(self._chunks, receive, send)


async def send_chunks(chunks: AsyncIterator[bytes], receive: Receive, send: Send) -> None:
    """Send the chunks of a body, after the headers; when the client disconnects, their iterator is cancelled."""
    with suppress(ClientDisconnect):
        await run_while_connected(receive, _send_all(chunks, send))


async def _send_all(chunks: AsyncIterator[bytes], send: Send) -> None:
    async for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if len(chunk) > _LARGE_CHUNK:
            await let_others_run()  # a fast client takes everything at once: let others run in between
    await send({"type": "http.response.body", "body": b"", "more_body": False})
