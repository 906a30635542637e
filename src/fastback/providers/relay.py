"""A server's response relayed as it comes: bytes in, bytes out, nothing parsed.

A client that hangs up ends the server's work: the connection is closed instead of being read to its end. Where a server
breaks off, a stream of events ends with an event that says so; any other response breaks the client's connection, as a
response without its end must not look complete.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Protocol

import aiohttp
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fastback.kit.http.disconnect import DisconnectNotice
from fastback.providers.response_body import CONNECTION_ERRORS, iterate_body, take_unread

log = logging.getLogger("fastback.providers")

#: Headers of the server that the client gets, by the names they get here.
_RELAYED_HEADERS = {
    "content-type": "content-type",
    "retry-after": "retry-after",
    "openai-processing-ms": "openai-processing-ms",
    "x-request-id": "x-upstream-request-id",  # `x-request-id` is our own
}


#: Bytes of a response that is read before it is sent, so that one that breaks off becomes an error.
MAX_SHORT_BYTES = 1024 * 1024
#: Bytes of an unfinished line that wait for their end, so that a stream that breaks off ends with a whole line.
MAX_WAITING_BYTES = 64 * 1024


class StreamConverter(Protocol):
    """Translates the bytes of a stream as they arrive."""

    def feed(self, data: bytes) -> bytes:
        """Return what the bytes become, which may be nothing."""

    def end(self, *, is_whole: bool) -> bytes:
        """Return what is left at the end; `is_whole` is false where the server broke off."""


class RelayResponse(Response):
    """Relay the response `upstream`.

    Args:
        prefix: bytes to send before those of the server.
        converter: translates the server's bytes.
        failure: events that end a stream which broke off; without them the client's connection breaks, too.
        content_type: replaces the server's.
        headers: more headers for the client.
        on_end: called once the response has ended in any way.
    """

    def __init__(
        self,
        upstream: aiohttp.ClientResponse,
        *,
        prefix: bytes = b"",
        converter: StreamConverter | None = None,
        failure: bytes = b"",
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        self.upstream = upstream
        self._on_end = on_end
        self._body = iterate_body(upstream)
        self._prefix = prefix
        self._converter = converter or (WholeLines() if failure else None)
        self._failure = failure
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
        is_stream = "event-stream" in media_type or "ndjson" in media_type
        is_known_kind = upstream.content_length is not None or "json" in media_type
        self._may_be_short = not is_stream and not prefix and is_known_kind
        if is_stream:
            self._relayed_headers += [(b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]
        self._own_headers = [
            (name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if not self._may_be_short or not await self._send_short(send):
                await self._relay(receive, send)
        finally:
            if self._on_end is not None:
                self._on_end()

    async def _relay(self, receive: Receive, send: Send) -> None:
        notice = DisconnectNotice(receive, self.upstream.close)
        try:
            await self._send_stream(send, notice)
        finally:
            notice.close()
            self.upstream.close()

    async def _send_short(self, send: Send) -> bool:
        """Read a response, and send it at once. One that turns out to be long is left for `_send_stream`."""
        body = bytearray()
        headers = self._relayed_headers
        try:
            async for data in self._body:
                body += data
                if len(body) > MAX_SHORT_BYTES:
                    self._prefix = bytes(body) if self._converter is None else self._converter.feed(bytes(body))
                    return False
        except CONNECTION_ERRORS as error:
            self._log_break(error)
            body = bytearray(b'{"detail":"Open WebUI: Server Connection Error"}')
            self.status_code, headers = 502, [(b"content-type", b"application/json")]
        else:
            if self._converter is not None:
                body = bytearray(self._converter.feed(bytes(body)) + self._converter.end(is_whole=True))
        self.upstream.release()
        headers = [*headers, (b"content-length", str(len(body)).encode()), *self._own_headers]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(body)})
        return True

    async def _send_stream(self, send: Send, notice: DisconnectNotice) -> None:
        headers = [*self._relayed_headers, *self._own_headers]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        if self._prefix:
            await send({"type": "http.response.body", "body": self._prefix, "more_body": True})
        converter = self._converter
        try:
            async for data in self._body:
                if notice.has_come:
                    return
                if converter is not None:
                    data = converter.feed(data)
                    if not data:
                        continue
                await send({"type": "http.response.body", "body": data, "more_body": True})
            end = converter.end(is_whole=True) if converter is not None else b""
        except CONNECTION_ERRORS as error:
            if notice.has_come:
                return
            self._log_break(error)
            if not self._failure:
                return  # the client's connection breaks, too
            end = take_unread(self.upstream)
            if converter is not None:
                end = converter.feed(end) + converter.end(is_whole=False)
            end += self._failure
        await send({"type": "http.response.body", "body": end, "more_body": False})

    def _log_break(self, error: Exception) -> None:
        reason = error or type(error).__name__
        log.warning("relaying the response of %s failed, it broke off: %s", self.upstream.url.host, reason)


class WholeLines:
    """Pass a stream on by whole lines, where they are not very long: what breaks off in a line is left out."""

    def __init__(self) -> None:
        self._line = b""

    def feed(self, data: bytes) -> bytes:
        """Return what may be sent."""
        if data[-1:] == b"\n" and not self._line:
            return data
        data = self._line + data
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if len(data) - end > MAX_WAITING_BYTES:
            end = len(data)
        self._line = data[end:]
        return data[:end]

    def end(self, *, is_whole: bool) -> bytes:
        """Return the last line, where it came to its end."""
        return self._line if is_whole else b""
