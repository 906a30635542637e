"""The stream of an answer to an API client that may read more slowly than the answer comes, or hang up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable

from fastback.completions.sinks.relay import STREAM_FAILURE, format_events

log = logging.getLogger("fastback.completions")

#: Bytes that may wait for a client that does not read.
MAX_WAITING_BYTES = 8 * 1024 * 1024


class ClientStream:
    """Hold what the client has not read yet. Its producer never waits: a client that reads too little is cut off."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._has_ended = False
        self._has_changed = asyncio.Event()

    def send_payloads(self, payloads: Iterable[bytes]) -> None:
        """Send chat-completion chunks, each as an event."""
        self.send(format_events(payloads))

    def send(self, data: bytes) -> None:
        """Send bytes of the stream; after the end nothing is sent."""
        if self._has_ended:
            return
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes > MAX_WAITING_BYTES:
            log.warning("the stream to an API client is cut off: more than %d bytes wait for it", MAX_WAITING_BYTES)
            self._waiting = []
            self.end(STREAM_FAILURE)
        self._has_changed.set()

    def end(self, data: bytes) -> None:
        """End the stream with these last bytes. A second end has no effect."""
        if not self._has_ended:
            self._waiting.append(data)
            self._has_ended = True
            self._has_changed.set()

    async def iterate(self) -> AsyncIterator[bytes]:
        """Yield what is to be sent. A client that hangs up ends this iterator, and with it the stream."""
        try:
            while self._waiting or not self._has_ended:
                await self._has_changed.wait()
                self._has_changed.clear()
                data = b"".join(self._waiting)
                self._waiting, self._waiting_bytes = [], 0
                if data:
                    yield data
        finally:
            self._has_ended = True
            self._waiting = []
