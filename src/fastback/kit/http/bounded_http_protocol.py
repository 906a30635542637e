"""uvicorn's HTTP protocol with limits on what a client may send, and on how long it may take.

uvicorn limits neither the head of a request nor the time until it is complete, nor that of a body or of a reader. A
sweep over all connections now and then looks for slow ones, so a request costs no timer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import msgspec

from fastback.kit.http.frame_splitter import LARGE_FRAME
from fastback.kit.http.http_limits import HttpLimits
from fastback.kit.http.websocket_protocol import UpgradableHttpProtocol
from fastback.kit.turn_queue import TurnQueue

log = logging.getLogger("fastback.http")

#: Bytes of a body in a second below which a client counts as slow, and bytes that a reader has to take between two
#: sweeps.
_BODY_RATE, _READ_STEP = 500, 1024
_BODILESS_METHODS = ("GET", "HEAD")
#: Requests that may wait for the response to the one before them.
_MAX_PIPELINED = 64
#: Seconds in which the rest of a refused request is read and dropped. A connection that is closed before is reset, and
#: the client, or a proxy, loses the response.
_LINGER_SECONDS = 2.0
#: Seconds between two log lines about refused connections.
_LOG_INTERVAL = 10.0

_REASONS = {408: "Request Timeout", 431: "Request Header Fields Too Large", 503: "Service Unavailable"}
_TIMED_OUT = "The request was not sent in time"
_RETRY_LATER = b"retry-after: 10\r\n"


class ConnectionSweep:
    """Look at all connections of a server every few seconds."""

    _sweeps: ClassVar[WeakKeyDictionary[object, ConnectionSweep]] = WeakKeyDictionary()

    def __init__(self, connections: set[Any], limits: HttpLimits, loop: asyncio.AbstractEventLoop) -> None:
        self._connections = connections
        self._loop = loop
        shortest = min(limits.head_seconds, limits.body_seconds, limits.response_seconds)
        self._interval = min(max(shortest / 4, 0.1), 5.0)
        self._timer: asyncio.TimerHandle | None = None
        self._next_log = 0.0

    @classmethod
    def get_shared(
        cls, owner: object, connections: set[Any], limits: HttpLimits, loop: asyncio.AbstractEventLoop
    ) -> ConnectionSweep:
        """Return the sweep that all connections of one owner share."""
        if owner not in cls._sweeps:
            cls._sweeps[owner] = ConnectionSweep(connections, limits, loop)
        return cls._sweeps[owner]

    def start(self) -> None:
        """Sweep as long as there are connections."""
        if self._timer is None:
            self._timer = self._loop.call_later(self._interval, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        now = self._loop.time()
        for connection in list(self._connections):
            if isinstance(connection, BoundedHttpProtocol):
                connection.check_progress(now)
        if self._connections:
            self.start()

    def log_refusal(self, text: str, *values: object) -> None:
        """Log a refused connection, unless another one was logged a moment ago."""
        now = time.monotonic()
        if now >= self._next_log:
            self._next_log = now + _LOG_INTERVAL
            log.warning(text, *values)


#: What uvicorn does; `super()` would cost every request more.
_receive, _complete_head = UpgradableHttpProtocol.data_received, UpgradableHttpProtocol.on_headers_complete


class _LingeringTransport:
    """What a response writes to: its connection, which is closed once the client has heard of it."""

    __slots__ = ("close", "is_closing", "write")

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close


class _LastRequestParser:
    """The parser of a connection whose next response is its last; others pay nothing for the question."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser
        self.feed_data = parser.feed_data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)

    def should_keep_alive(self) -> bool:
        return False


class _HeadTooLarge(Exception):
    """The head of a request has too many bytes; the parser stops."""


class BoundedHttpProtocol(UpgradableHttpProtocol):
    """One connection. The limits are the attribute `http_limits` of the application."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits: HttpLimits = getattr(self.config.app, "http_limits", None) or HttpLimits()
        self._sweep = ConnectionSweep.get_shared(self.config, self.connections, self._limits, self.loop)
        #: Since when a head is awaited, as a sweep has seen; None once one was complete.
        self._head_since: float | None = None
        #: Bytes that have arrived since the last one that belongs to a body.
        self._head_bytes = 0
        self._received_bytes = 0
        #: Whether the last response was sent, and what arrives is dropped until the client has read it.
        self._is_lingering = False
        #: What the last sweep has seen: when, bytes received, bytes that wait for the client.
        self._checked_at = self._checked_received = self._checked_unread = 0.0
        #: Since when the body is slow, and the client reads nothing.
        self._slow_since: float | None = None
        self._unread_since = 0.0

    # -- size --------------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_since = self._checked_at = self._unread_since = self.loop.time()
        self._sweep.start()
        if len(self.connections) > self._limits.connections:
            self._sweep.log_refusal("connection refused: %d are open", len(self.connections) - 1)
            self._refuse(503, "Too many connections", _RETRY_LATER)

    def data_received(self, data: bytes) -> None:
        if self._is_lingering:  # a refusal was sent
            if len(data) >= LARGE_FRAME:  # the loop would read on, up to megabytes in one turn
                self.transport.pause_reading()
                TurnQueue.get_shared(self.config, self.loop).add(self.transport.resume_reading)
            return
        size = len(data)
        self._received_bytes += size
        self._head_bytes += size
        _receive(self, data)
        if self._head_bytes > self._limits.head_bytes and self.parser is not None:
            self._refuse_head()

    def on_headers_complete(self) -> None:
        if self._head_bytes > self._limits.head_bytes:  # bodies and other requests may have arrived with it
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > self._limits.head_bytes:
                raise _HeadTooLarge
        self._head_bytes = 0
        self._head_since = self._slow_since = None
        _complete_head(self)
        if self.cycle is not None and self.scope["method"] not in _BODILESS_METHODS:
            self.cycle.transport = _LingeringTransport(self.transport, self._close_gently)  # type: ignore[assignment]
            self.cycle.on_disconnect = None  # type: ignore[attr-defined]  # `run_while_connected` sets it
        if len(self.pipeline) > _MAX_PIPELINED:
            self.transport.abort()

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        if self._is_in_head() and self._head_bytes > self._limits.head_bytes:
            self._refuse_head()
        else:
            super().send_400_response(msg)

    def _refuse_head(self) -> None:
        self._refuse(431, f"Request headers are too large: {self._limits.head_bytes} bytes at most")

    # -- the client is gone ------------------------------------------------------------------------------------------

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._end_request()

    def _end_request(self) -> None:
        """Tell the request that no client awaits its response, see `run_while_connected`."""
        on_disconnect: Callable[[], None] | None = getattr(self.cycle, "on_disconnect", None)
        if on_disconnect is not None and self.cycle.disconnected:
            on_disconnect()

    # -- time --------------------------------------------------------------------------------------------------------

    def check_progress(self, now: float) -> None:
        """Refuse a request that is sent too slowly, and cut off a client that reads nothing."""
        if self._has_stopped_reading(now):
            self._sweep.log_refusal("connection of %s cut off: it reads nothing", self.client)
            self.transport.abort()
        elif self._is_lingering or self.transport.is_closing():
            pass
        elif self._is_in_head():
            self._head_since = self._head_since or now
            if now - self._head_since > self._limits.head_seconds and not self.flow.read_paused:
                self._refuse_slow(has_begun=self._received_bytes > 0)
        elif self._has_slow_body(now):
            self._refuse_slow(has_begun=True)
        self._checked_at, self._checked_received = now, self._received_bytes

    def _is_in_head(self) -> bool:
        """Return whether the first head is awaited, or another one has begun."""
        return self.scope is None or "method" not in self.scope

    def _has_stopped_reading(self, now: float) -> bool:
        unread = self.transport.get_write_buffer_size()
        if not unread or unread <= self._checked_unread - _READ_STEP or not self._checked_unread:
            self._unread_since = now
        self._checked_unread = unread
        return now - self._unread_since > self._limits.response_seconds

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unread_since = self.loop.time()

    def _has_slow_body(self, now: float) -> bool:
        cycle = self.cycle
        is_awaited = cycle is not None and cycle.more_body and not cycle.response_complete
        is_held = self.flow.read_paused or (is_awaited and cycle.waiting_for_100_continue)
        is_fast = self._received_bytes - self._checked_received >= _BODY_RATE * (now - self._checked_at)
        if not is_awaited or is_held or is_fast or self._slow_since is None:
            self._slow_since = now
        return now - self._slow_since > self._limits.body_seconds

    def _refuse_slow(self, *, has_begun: bool) -> None:
        self._sweep.log_refusal("connection of %s closed: a request was not sent in time", self.client)
        if has_begun:
            self._refuse(408, _TIMED_OUT)
        else:
            self.transport.close()

    # -- the end of the server ---------------------------------------------------------------------------------------

    def has_request(self) -> bool:
        """Return whether a request has begun to arrive, or is not answered completely."""
        is_answered = self.cycle is None or self.cycle.response_complete
        return not is_answered or self._head_bytes > 0

    def close_after_request(self) -> None:
        """Close the connection after the response in progress, or after the next one.

        The client learns this from a header of the response and sends its next request over another connection.
        Whoever closes an idle connection may lose the request that is on its way.
        """
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
        if self.parser is not None:
            self.parser = _LastRequestParser(self.parser)  # type: ignore[assignment]

    # -- refusals ----------------------------------------------------------------------------------------------------

    def _refuse(self, status: int, detail: str, headers: bytes = b"") -> None:
        """Send an error in place of a response that has not begun, and close the connection."""
        cycle = self.cycle
        has_response = cycle is not None and cycle.response_started and not cycle.response_complete
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
            self._end_request()
        if has_response:
            self.transport.abort()
            return
        content = msgspec.json.encode({"detail": detail})
        head = f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: application/json\r\nconnection: close\r\n"
        self.transport.write(b"%s%scontent-length: %d\r\n\r\n%s" % (head.encode(), headers, len(content), content))
        self._linger()

    def _close_gently(self) -> None:
        """Close the connection after a response; where the request has not arrived completely, drop the rest first."""
        if self.cycle.more_body and not self.transport.is_closing():
            self._linger()
        else:
            self.transport.close()

    def _linger(self) -> None:
        self._is_lingering = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)
