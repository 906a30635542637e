"""Work of many connections that runs a piece at a time, however many of them have some."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import ClassVar
from weakref import WeakKeyDictionary


class TurnQueue:
    """Call one callback in each turn of the event loop."""

    _queues: ClassVar[WeakKeyDictionary[object, TurnQueue]] = WeakKeyDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._callbacks: deque[Callable[[], object]] = deque()

    @classmethod
    def get_shared(cls, owner: object, loop: asyncio.AbstractEventLoop) -> TurnQueue:
        """Return the queue that all who name the same owner share."""
        if owner not in cls._queues:
            cls._queues[owner] = TurnQueue(loop)
        return cls._queues[owner]

    def add(self, callback: Callable[[], object]) -> None:
        """Call a callback in a later turn, after those that were added before."""
        self._callbacks.append(callback)
        if len(self._callbacks) == 1:
            self._loop.call_soon(self._call_next)

    def _call_next(self) -> None:
        try:
            self._callbacks[0]()
        finally:
            self._callbacks.popleft()
            if self._callbacks:
                self._loop.call_soon(self._call_next)
