"""The cluster of a single process: everything in memory."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Generic, TypeVar

from fastback.kit.cluster.interface import GapListener, Lease, Listener, StreamEntry

log = logging.getLogger("fastback.cluster")

T = TypeVar("T")
#: Expired values are searched for once in this many changes.
_SWEEP_EVERY = 1000


class _Expiring(Generic[T]):
    """Values by name that are dropped at their time; `clock` is a monotonic clock in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._values: dict[str, tuple[T, float | None]] = {}
        self._changes = 0

    def get(self, name: str) -> T | None:
        entry = self._values.get(name)
        if entry is None:
            return None
        value, deadline = entry
        if deadline is not None and deadline <= self._clock():
            del self._values[name]
            return None
        return value

    def put(self, name: str, value: T, expires_in: float | None) -> None:
        self._values[name] = (value, None if expires_in is None else self._clock() + expires_in)
        self._changes += 1
        if self._changes % _SWEEP_EVERY == 0:
            self.list_names()

    def pop(self, name: str) -> T | None:
        value = self.get(name)
        self._values.pop(name, None)
        return value

    def list_values(self) -> list[tuple[str, T, float | None]]:
        """List the name, value and remaining seconds (None: no end) of what has not expired."""
        now = self._clock()
        return [
            (name, value, None if deadline is None else deadline - now)
            for name, (value, deadline) in self._values.items()
            if deadline is None or deadline > now
        ]

    def list_names(self) -> list[str]:
        """List the names that have a value, and drop what has expired."""
        return [name for name in list(self._values) if self.get(name) is not None]


def _build_growing_number(last: int) -> int:
    """Return a number that exceeds the last one, also that of an earlier process: microseconds since 1970."""
    return max(last + 1, time.time_ns() // 1000)


class _LocalLease:
    def __init__(self, leases: _Expiring[_LocalLease], name: str, token: int, seconds: float) -> None:
        self._leases = leases
        self.name = name
        self.token = token
        self._seconds = seconds

    async def renew(self) -> bool:
        if self._leases.get(self.name) is not self:
            return False
        self._leases.put(self.name, self, self._seconds)
        return True

    async def release(self) -> None:
        if self._leases.get(self.name) is self:
            self._leases.pop(self.name)


class LocalCluster:
    """Implements `Cluster` for one process; nothing leaves it, and nothing is lost."""

    spans_processes = False
    has_gaps = False

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.node_id = uuid.uuid4().hex
        self._clock = clock
        self._listeners: dict[str, list[Listener]] = defaultdict(list)
        self._leases: _Expiring[_LocalLease] = _Expiring(clock)
        self._last_token = 0
        self._counters: _Expiring[int] = _Expiring(clock)
        self._tables: dict[str, _Expiring[bytes]] = {}
        self._streams: _Expiring[deque[StreamEntry]] = _Expiring(clock)
        self._last_entry = 0

    def measure_waiting(self) -> dict[str, int]:
        return {}

    async def publish(self, channel: str, message: bytes, *, is_kept: bool = False) -> None:
        for listener in list(self._listeners.get(channel, ())):
            try:
                result = listener(message)
                if inspect.isawaitable(result):
                    await result
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("a listener of the channel %s failed", channel)

    def subscribe(self, channel: str, listener: Listener) -> Callable[[], None]:
        self._listeners[channel].append(listener)

        def unsubscribe() -> None:
            listeners = self._listeners.get(channel)
            if listeners is not None and listener in listeners:
                listeners.remove(listener)
                if not listeners:
                    del self._listeners[channel]

        return unsubscribe

    def has_listener(self, channel: str) -> bool:
        """Return whether anything listens to a channel."""
        return channel in self._listeners

    def subscribe_to_gaps(self, listener: GapListener) -> None:
        pass

    def drop_kept_messages(self) -> None:
        pass

    async def acquire_lease(self, name: str, *, seconds: float) -> Lease | None:
        if self._leases.get(name) is not None:
            return None
        self._last_token = _build_growing_number(self._last_token)
        lease = _LocalLease(self._leases, name, self._last_token, seconds)
        self._leases.put(name, lease, seconds)
        return lease

    async def increment(self, name: str, amount: int = 1, *, expires_in: float | None = None) -> int:
        count = (self._counters.get(name) or 0) + amount
        if count:
            self._counters.put(name, count, expires_in)
        else:
            self._counters.pop(name)
        return count

    async def read_counter(self, name: str) -> int:
        return self._counters.get(name) or 0

    async def put_entry(self, table: str, key: str, value: bytes, *, expires_in: float | None = None) -> None:
        entries = self._tables.get(table)
        if entries is None:
            entries = self._tables[table] = _Expiring(self._clock)
        entries.put(key, value, expires_in)

    async def get_entry(self, table: str, key: str) -> bytes | None:
        entries = self._tables.get(table)
        return None if entries is None else entries.get(key)

    async def list_entries(self, table: str) -> dict[str, bytes]:
        entries = self._tables.get(table)
        if entries is None:
            return {}
        values = {name: entries.get(name) for name in entries.list_names()}
        if not values:
            del self._tables[table]
        return {name: value for name, value in values.items() if value is not None}

    def list_all_entries(self) -> list[tuple[str, str, bytes, float | None]]:
        """List the table, key, value and remaining seconds (None: no end) of every entry."""
        return [
            (table, key, value, seconds)
            for table, entries in self._tables.items()
            for key, value, seconds in entries.list_values()
        ]

    async def delete_entry(self, table: str, key: str) -> bool:
        entries = self._tables.get(table)
        return entries is not None and entries.pop(key) is not None

    async def append(self, stream: str, content: bytes, *, expires_in: float, limit: int = 10_000) -> int:
        entries = self._streams.get(stream)
        if entries is None:
            entries = deque()
        self._last_entry = _build_growing_number(self._last_entry)
        entries.append(StreamEntry(self._last_entry, content))
        while len(entries) > limit:
            entries.popleft()
        self._streams.put(stream, entries, expires_in)
        return self._last_entry

    async def read_stream(self, stream: str, *, after: int = 0) -> list[StreamEntry]:
        return [entry for entry in self._streams.get(stream) or () if entry.id > after]

    async def close(self) -> None:
        self._listeners.clear()
