"""A server's response relayed as it comes: bytes in, bytes out, nothing parsed.

A client that hangs up ends the server's work: the connection is closed instead of being read to its end. A server that
breaks off breaks the client's connection: a response without its end must not look complete.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

import aiohttp
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fastback.kit.http.streaming_response import wait_for_disconnect

log = logging.getLogger("fastback.providers")

#: Headers of the server that the client gets, by the names they get here.
_RELAYED_HEADERS = {
    "content-type": "content-type",
    "retry-after": "retry-after",
    "openai-processing-ms": "openai-processing-ms",
    "x-request-id": "x-upstream-request-id",  # `x-request-id` is our own
}


class RelayResponse(Response):
    """Relay the response `upstream`.

    Args:
        prefix: bytes to send before those of the server.
        convert: translates the server's bytes as they arrive; may return nothing.
        content_type: replaces the server's.
        headers: more headers for the client.
    """

    def __init__(
        self,
        upstream: aiohttp.ClientResponse,
        *,
        prefix: bytes = b"",
        convert: Callable[[bytes], bytes] | None = None,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.upstream = upstream
        self._prefix = prefix
        self._convert = convert
        self.status_code = upstream.status
        self.background = None
        self._relayed_headers = [
            (name.encode(), upstream.headers[upstream_name].encode("latin-1"))
            for upstream_name, name in _RELAYED_HEADERS.items()
            if upstream_name in upstream.headers
        ]
        if content_type is not None:
            self._relayed_headers = [(b"content-type", content_type.encode())]
        media_type = content_type or upstream.headers.get("content-type") or ""
        if "event-stream" in media_type or "ndjson" in media_type:
            self._relayed_headers += [(b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]
        self._own_headers = [
            (name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._convert is None and not self._prefix and self.upstream.content_length is not None:
            await self._send_whole(send)
            return
        disconnected = asyncio.ensure_future(wait_for_disconnect(receive))
        try:
            await self._send_stream(send, disconnected)
        finally:
            disconnected.cancel()
            self.upstream.close()

    async def _send_whole(self, send: Send) -> None:
        """Read a response of known length, which is no stream, and send it at once."""
        try:
            body = await self.upstream.read()
        except (TimeoutError, aiohttp.ClientError, OSError):
            body = b'{"detail":"Open WebUI: Server Connection Error"}'
            self.status_code, self._relayed_headers = 502, [(b"content-type", b"application/json")]
        finally:
            self.upstream.release()
        headers = [*self._relayed_headers, (b"content-length", str(len(body)).encode()), *self._own_headers]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _send_stream(self, send: Send, disconnected: asyncio.Future[None]) -> None:
        headers = [*self._relayed_headers, *self._own_headers]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        disconnected.add_done_callback(lambda _: self.upstream.close())
        if self._prefix:
            await send({"type": "http.response.body", "body": self._prefix, "more_body": True})
        try:
            async for data in self.upstream.content.iter_any():
                if disconnected.done():
                    return
                if self._convert is not None:
                    data = self._convert(data)
                    if not data:
                        continue
                await send({"type": "http.response.body", "body": data, "more_body": True})
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            if not disconnected.done():
                reason = error or type(error).__name__
                log.warning("relaying the response of %s failed, it broke off: %s", self.upstream.url.host, reason)
            # No end is sent: the client's connection breaks too, so that half a response is not taken for a whole one.
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})
