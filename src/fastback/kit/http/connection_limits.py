"""How many sockets may be open at once: in all, from one address, and of clients that are not known yet."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fastback.kit.http.application import Scope
from fastback.kit.http.websocket_protocol import find_websocket

log = logging.getLogger("fastback.http")

#: Seconds between two log lines about refused sockets.
_LOG_INTERVAL = 10.0


class ConnectionLimits:
    """Count the open sockets by address, and cut the oldest strangers off when there are too many of them.

    A stranger is a client that has not signed in. New ones are never refused for the number of strangers: a client that
    fills it keeps no user out, as users sign in at once.
    """

    def __init__(self, *, total: int, per_address: int, strangers: int) -> None:
        self._total = total
        self._per_address = per_address
        self._most_strangers = strangers
        self._counts: dict[str, int] = {}
        self._open = 0
        #: What cuts a stranger off, by their objects; the oldest comes first.
        self._strangers: dict[object, Callable[[], None]] = {}
        self._next_log = 0.0

    def count_open(self) -> int:
        """Return the number of open sockets."""
        return self._open

    def count_strangers(self) -> int:
        """Return the number of sockets on which no user has signed in yet."""
        return len(self._strangers)

    def try_add(self, address: str) -> bool:
        """Count a socket; return False where it is one too many."""
        count = self._counts.get(address, 0)
        if self._open >= self._total or count >= self._per_address:
            self._log("socket of %s refused: %d are open, %d of them from there", address, self._open, count)
            return False
        self._counts[address] = count + 1
        self._open += 1
        return True

    def remove(self, address: str) -> None:
        """Count a socket as closed that `try_add` has counted."""
        self._open -= 1
        self._counts[address] -= 1
        if not self._counts[address]:
            del self._counts[address]

    def add_stranger(self, stranger: object, cut_off: Callable[[], None]) -> None:
        """Add a stranger that `cut_off` disconnects; disconnect the oldest one where there are too many."""
        self._strangers[stranger] = cut_off
        if len(self._strangers) > self._most_strangers:
            self._log("socket cut off: %d wait for a user to sign in", len(self._strangers))
            self._strangers.pop(next(iter(self._strangers)))()

    def remove_stranger(self, stranger: object) -> None:
        """Remove a stranger that has signed in, or is gone."""
        self._strangers.pop(stranger, None)

    @contextmanager
    def hold_stranger(self, scope: Scope) -> Iterator[None]:
        """Have the client of a WebSocket be a stranger meanwhile."""
        websocket = find_websocket(scope)
        if websocket is not None:
            self.add_stranger(websocket, websocket.abort)
        try:
            yield
        finally:
            self.remove_stranger(websocket)

    def _log(self, text: str, *values: object) -> None:
        now = time.monotonic()
        if now >= self._next_log:
            self._next_log = now + _LOG_INTERVAL
            log.warning(text, *values)


def get_client_address(scope: Scope) -> str:
    """Return the address of a client; that of its proxy where the proxy's headers are not trusted or absent."""
    client = scope.get("client")
    return str(client[0]) if client else ""
