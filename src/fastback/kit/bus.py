"""Domain events inside the process: who did something tells, who cares listens."""

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
    """Publishes events to the listeners of their type, in the order of subscription.

    A listener that fails is logged and keeps nobody else from hearing; what was committed stays committed.
    """

    def __init__(self) -> None:
        self._listeners: dict[type[Any], list[Listener]] = defaultdict(list)

    def subscribe(self, kind: type[E], listener: Callable[[E], Awaitable[None] | None]) -> None:
        """Call `listener` with every event of exactly this type."""
        self._listeners[kind].append(listener)

    async def publish(self, event: object) -> None:
        """Tell everybody who listens, and wait until they have heard."""
        for listener in self._listeners.get(type(event), ()):
            try:
                result = listener(event)
                if inspect.isawaitable(result):
                    await result
            except Exception:
                log.exception("a listener of %s failed", type(event).__name__)
