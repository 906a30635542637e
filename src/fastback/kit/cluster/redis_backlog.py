"""Messages that wait for a Redis that is away."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Literal, NamedTuple

#: Messages that wait, and their bytes.
_MAX_WAITING, _MAX_BYTES = 10_000, 8 * 1024 * 1024
#: Seconds after an outage in which the other processes connect again: at least, as a share of its length, and at most.
_SHORTEST_REJOIN, _REJOIN_SHARE, _LONGEST_REJOIN = 0.1, 0.5, 6.0


class Order(NamedTuple):
    """What the connection for messages does next; a message that `is_kept` waits where it cannot be sent."""

    kind: Literal["publish", "subscribe", "unsubscribe"]
    channel: str
    message: bytes = b""
    is_kept: bool = False


class Backlog:
    """The messages that are kept, in order. Where too many wait, the oldest are dropped."""

    def __init__(self) -> None:
        self._orders: deque[Order] = deque()
        self._size = 0

    def __len__(self) -> int:
        return len(self._orders)

    def add(self, order: Order) -> None:
        """Keep a message behind the others."""
        self._orders.append(order)
        self._size += len(order.message)
        while len(self._orders) > _MAX_WAITING or self._size > _MAX_BYTES:
            self._size -= len(self._orders.popleft().message)

    def add_earlier(self, orders: Iterable[Order]) -> None:
        """Keep those of the orders that are kept, before the messages that wait."""
        later = self.take_all()
        for order in (*orders, *later):
            if order.is_kept:
                self.add(order)

    def take_all(self) -> list[Order]:
        """Return the messages, and keep them no longer."""
        orders = list(self._orders)
        self._orders.clear()
        self._size = 0
        return orders


def get_rejoin_seconds(outage_seconds: float) -> float:
    """Return how long the other processes may need to connect again after an outage: each has tried less and less."""
    return min(_SHORTEST_REJOIN + outage_seconds * _REJOIN_SHARE, _LONGEST_REJOIN)
