"""Pass the messages of other processes to the listeners in this one."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

log = logging.getLogger("fastback.cluster")

#: Messages of a channel that may wait for its listeners.
_MAX_WAITING = 10_000


class Deliveries:
    """Deliver the messages of a channel in order, and each channel on its own.

    A listener that waits for a message of another channel gets it. Where too many messages wait, they are dropped, and
    `on_overflow` is called.
    """

    def __init__(self, deliver: Callable[[str, bytes], Awaitable[None]], on_overflow: Callable[[], None]) -> None:
        self._deliver = deliver
        self._on_overflow = on_overflow
        self._waiting: dict[str, deque[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, channel: str, message: bytes) -> None:
        """Deliver a message after those of its channel that wait."""
        waiting = self._waiting.get(channel)
        if waiting is None:
            self._waiting[channel] = deque((message,))
            task = asyncio.get_running_loop().create_task(self._deliver_waiting(channel))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif len(waiting) < _MAX_WAITING:
            waiting.append(message)
        else:
            log.warning("messages of the channel %s are dropped: %d wait for its listeners", channel, len(waiting))
            waiting.clear()
            self._on_overflow()

    def count_waiting(self) -> int:
        """Return how many messages wait for their listeners."""
        return sum(map(len, self._waiting.values()))

    async def _deliver_waiting(self, channel: str) -> None:
        waiting = self._waiting[channel]
        try:
            while waiting:
                await self._deliver(channel, waiting.popleft())
        finally:
            del self._waiting[channel]

    def stop(self) -> None:
        """Drop what waits."""
        for task in self._tasks:
            task.cancel()
