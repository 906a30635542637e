"""Domain events inside the process: publishers do not know the listeners."""

from __future__ import annotations

import inspect
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

log = logging.getLogger("fastback.bus")

E = TypeVar("E")

Listener = Callable[[Any], Awaitable[None] | None]


class Bus:
    """Pass events to the listeners of their type, in the order of subscription.

    Where a listener fails, the error is logged and the remaining listeners are called; nothing is rolled back.
    """

    def __init__(self) -> None:
        self._listeners: dict[type[Any], list[Listener]] = defaultdict(list)

    def subscribe(self, kind: type[E], listener: Callable[[E], Awaitable[None] | None]) -> None:
        """Call `listener` with every event of exactly this type."""
        self._listeners[kind].append(listener)

    async def publish(self, event: object) -> None:
        """Call every listener of the event's type, one after the other, and wait for each."""
        for listener in self._listeners.get(type(event), ()):
            try:
                result = listener(event)
                if inspect.isawaitable(result):
                    await result
            except Exception:
                log.exception("a listener of %s failed", type(event).__name__)
