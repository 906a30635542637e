"""Limit how many tasks do something at the same time; urgent ones go first."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class PrioritySemaphore:
    """A semaphore with two classes of waiters, whose limit may differ from call to call.

    Attributes:
        waiting_count: how many tasks wait.
    """

    def __init__(self) -> None:
        self.waiting_count = 0
        self._active = 0
        self._waiters: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    @asynccontextmanager
    async def acquire(self, limit: int, *, urgent: bool = False) -> AsyncIterator[None]:
        """Wait until fewer than `limit` tasks are inside; urgent waiters go before the others."""
        if self._active < limit:
            self._active += 1
        else:
            await self._wait_turn(urgent)
        try:
            yield
        finally:
            self._release()

    async def _wait_turn(self, urgent: bool) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiters, (0 if urgent else 1, next(self._numbers), waiter))
        self.waiting_count += 1
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._release()  # its turn came in the same moment
            raise
        finally:
            self.waiting_count -= 1

    def _release(self) -> None:
        while self._waiters:
            waiter = heapq.heappop(self._waiters)[2]
            if not waiter.done():
                waiter.set_result(None)  # the number of tasks inside stays the same
                return
        self._active -= 1
