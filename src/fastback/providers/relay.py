"""A provider's answer passed on as it comes: bytes in, bytes out, nothing parsed.

A client that hangs up ends the provider's work: the connection is closed instead of being read to its end. A provider
that breaks off breaks the client's connection: an answer without its end must not look whole.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import aiohttp
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fastback.kit.http.streaming_response import wait_for_disconnect

log = logging.getLogger("fastback.providers")

_PASSED = {
    "content-type": "content-type",
    "retry-after": "retry-after",
    "openai-processing-ms": "openai-processing-ms",
    "x-request-id": "x-upstream-request-id",  # `x-request-id` is our own
}


class RelayResponse(Response):
    """Relays `upstream`; with `convert`, each piece goes through it first. `first` goes before a stream."""

    def __init__(
        self,
        upstream: aiohttp.ClientResponse,
        *,
        first: bytes = b"",
        convert: Callable[[bytes], bytes] | None = None,
        content_type: str | None = None,
    ) -> None:
        self.upstream = upstream
        self._first = first
        self._convert = convert
        self.status_code = upstream.status
        self.background = None
        self._relayed = [
            (ours.encode(), upstream.headers[theirs].encode("latin-1"))
            for theirs, ours in _PASSED.items()
            if theirs in upstream.headers
        ]
        if content_type is not None:
            self._relayed = [(b"content-type", content_type.encode())]
        kind = content_type or upstream.headers.get("content-type") or ""
        if "event-stream" in kind or "ndjson" in kind:
            self._relayed += [(b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._convert is None and not self._first and self.upstream.content_length is not None:
            await self._whole(send, scope.get("fastback.headers", []))
            return
        gone = asyncio.ensure_future(wait_for_disconnect(receive))
        try:
            await self._pass_on(send, gone, scope.get("fastback.headers", []))
        finally:
            gone.cancel()
            self.upstream.close()

    async def _whole(self, send: Send, extra: list[tuple[bytes, bytes]]) -> None:
        """An answer of known length is no stream: it is read and sent at once."""
        try:
            body = await self.upstream.read()
        except (TimeoutError, aiohttp.ClientError, OSError):
            body = b'{"detail":"Open WebUI: Server Connection Error"}'
            self.status_code, self._relayed = 502, [(b"content-type", b"application/json")]
        finally:
            self.upstream.release()
        headers = [*self._relayed, (b"content-length", str(len(body)).encode()), *extra]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _pass_on(self, send: Send, gone: asyncio.Future[None], extra: list[tuple[bytes, bytes]]) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": [*self._relayed, *extra]})
        gone.add_done_callback(lambda _: self.upstream.close())
        if self._first:
            await send({"type": "http.response.body", "body": self._first, "more_body": True})
        try:
            async for piece in self.upstream.content.iter_any():
                if gone.done():
                    return
                if self._convert is not None:
                    piece = self._convert(piece)
                    if not piece:
                        continue
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            if not gone.done():
                log.warning("%s broke off its answer: %s", self.upstream.url.host, error or type(error).__name__)
            # Without an end the connection breaks here too: nobody takes half an answer for a whole one.
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def read_all(response: aiohttp.ClientResponse) -> bytes:
    """The whole body, and the connection given back."""
    try:
        return await response.read()
    finally:
        response.release()
