"""How many do something at the same time; urgent ones go before others."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """A semaphore with two classes of waiters; the number of places may change at any time."""

    def __init__(self) -> None:
        self._inside = 0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    @asynccontextmanager
    async def place(self, places: int, *, urgent: bool = False) -> AsyncIterator[None]:
        """Wait for one of so many places, and hold it."""
        if self._inside < places:
            self._inside += 1
        else:
            await self._turn(urgent)
        try:
            yield
        finally:
            self._leave()

    async def _turn(self, urgent: bool) -> None:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (0 if urgent else 1, next(self._numbers), waiting))
        try:
            await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled():
                self._leave()  # the turn had just come
            raise

    def _leave(self) -> None:
        while self._waiting:
            waiting = heapq.heappop(self._waiting)[2]
            if not waiting.done():
                waiting.set_result(None)  # the place is handed on
                return
        self._inside -= 1
