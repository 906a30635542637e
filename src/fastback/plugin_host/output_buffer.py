"""Bytes of a pipe's stream between the code that produces them and the connection to the server.

The producer runs on the event loop or in a thread of its own. What it produces within a window goes to the server in
one message: the first bytes at once, later ones every twelve milliseconds. A producer that is faster than its reader
waits.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator

#: Seconds between two messages to the server.
WINDOW = 0.012
#: Bytes and items that wait for the server at most, and bytes of one message.
MAX_WAITING_BYTES, MAX_WAITING_ITEMS, MAX_MESSAGE_BYTES = 1024 * 1024, 4096, 256 * 1024


class OutputBuffer:
    """Bytes on their way from one producer to one reader; the reader is on the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._items: list[bytes] = []
        self._size = 0
        self._is_announced = False
        self.has_ended = False
        self._failure: BaseException | None = None
        #: Set for the reader: there is something to read, or a reason to end its pause.
        self._changed = asyncio.Event()
        self._is_urgent = asyncio.Event()
        #: Set for the producer: there is room.
        self._room = asyncio.Event()
        self._thread_room = threading.Event()
        #: Whether the reader is gone; producers stop.
        self.is_closed = False

    # -- the producer ----------------------------------------------------------------------------------------------

    def _add(self, data: bytes) -> tuple[bool, bool]:
        """Add bytes; return whether the reader must be woken, and whether the buffer is full."""
        with self._lock:
            self._items.append(data)
            self._size += len(data)
            must_wake, self._is_announced = not self._is_announced, True
            is_full = self._size > MAX_WAITING_BYTES or len(self._items) > MAX_WAITING_ITEMS
            if is_full:
                self._room.clear()
                self._thread_room.clear()
        return must_wake, is_full

    async def write(self, data: bytes) -> None:
        """Add bytes, on the event loop; wait while the buffer is full."""
        must_wake, is_full = self._add(data)
        if must_wake:
            self._changed.set()
        if is_full:
            self._is_urgent.set()
            await self._room.wait()

    def write_from_thread(self, data: bytes) -> None:
        """Add bytes, in a thread; block while the buffer is full."""
        must_wake, is_full = self._add(data)
        if must_wake:
            self._loop.call_soon_threadsafe(self._changed.set)
            time.sleep(0)  # lets the event loop's thread run now
        if is_full and not self.is_closed:
            self._loop.call_soon_threadsafe(self._is_urgent.set)
            self._thread_room.wait()

    def end(self, failure: BaseException | None = None) -> None:
        """End the stream, on the event loop; the reader gets what is left, and then the failure."""
        self.has_ended, self._failure = True, failure
        self._changed.set()
        self._is_urgent.set()

    # -- the reader ------------------------------------------------------------------------------------------------

    async def iterate(self) -> AsyncIterator[bytes]:
        """Yield what is produced, until the producer has ended.

        Raises:
            BaseException: the producer's failure.
        """
        while True:
            await self._changed.wait()
            has_ended = self.has_ended
            data = self._take()
            for start in range(0, len(data), MAX_MESSAGE_BYTES):
                yield data[start : start + MAX_MESSAGE_BYTES]
            if has_ended:
                if self._failure is not None:
                    raise self._failure
                return
            if not data:  # announced by a thread after it had been read
                continue
            if not self._is_urgent.is_set():
                handle = self._loop.call_later(WINDOW, self._is_urgent.set)
                await self._is_urgent.wait()
                handle.cancel()

    def _take(self) -> bytes:
        with self._lock:
            items, self._items, self._size, self._is_announced = self._items, [], 0, False
            if not self.has_ended:
                self._changed.clear()
                self._is_urgent.clear()
            self._room.set()
            self._thread_room.set()
        return b"".join(items) if len(items) != 1 else items[0]

    def close(self) -> None:
        """Let the producer go on without a reader: it finds the buffer closed."""
        self.is_closed = True
        self._room.set()
        self._thread_room.set()
