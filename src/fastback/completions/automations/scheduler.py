"""The scheduler: sleep until the next automation or timer is due, and start what is due.

One process of an installation holds the lease, and alone looks into the tables: when something is due, when another
process says that something is due earlier, and once a minute, as other programs may have written. The lease saves work;
that nothing runs twice is the task of the sources, which claim each record by compare-and-set.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from fastback.kit.clock import clock
from fastback.kit.cluster import Cluster, Lease
from fastback.kit.outages import choose_log_level
from fastback.kit.tasks import Tasks

log = logging.getLogger("fastback.automations")

_CHANNEL = "schedules:due"
_LEASE = "schedules:lease"
#: Seconds of the lease, and from one renewal to the next.
LEASE_SECONDS, RENEWAL_SECONDS = 45.0, 15.0
#: Seconds after which the tables are looked into again in any case.
CHECK_SECONDS = 60.0
_SECOND = 10**9


class DueSource(Protocol):
    """Records that are due at a time (ns)."""

    async def find_next_due(self) -> int | None:
        """Return when the next one is due; None where none is, or none can be started now."""
        ...

    async def start_due(self, now: int) -> None:
        """Claim what is due, and start it."""
        ...


class Scheduler:
    """Start what is due, in one process of the installation."""

    def __init__(self, *, cluster: Cluster, tasks: Tasks, sources: Sequence[DueSource], min_pause: float) -> None:
        """`min_pause`: seconds between two looks into the tables, at least."""
        self._cluster = cluster
        self._tasks = tasks
        self._sources = sources
        self._min_pause = min_pause
        self._lease: Lease | None = None
        self._wake = asyncio.Event()
        #: When the tables are looked into next, in nanoseconds.
        self._next_check = 0

    @property
    def is_leading(self) -> bool:
        """Whether this process held the lease when it was renewed last."""
        return self._lease is not None

    def start(self) -> None:
        """Begin, until the server stops."""
        self._cluster.subscribe(_CHANNEL, self._hear)
        self._tasks.run_at_shutdown(self._release)
        self._tasks.run_in_background(self._run())

    async def announce(self, due_at: int) -> None:
        """Tell the process with the lease that something is due then."""
        await self._cluster.publish(_CHANNEL, str(due_at).encode())

    def wake(self) -> None:
        """Look into the tables of this process soon: what could not be started may be started now."""
        self._hear(b"0")

    def _hear(self, message: bytes) -> None:
        due_at = int(message)
        if due_at < self._next_check:
            self._next_check = due_at
            self._wake.set()

    async def _run(self) -> None:
        await asyncio.sleep(self._min_pause)  # the server answers first
        while not self._tasks.stopping.is_set():
            pause = await self._check_in_time()
            await asyncio.sleep(min(self._min_pause, pause))
            try:
                async with asyncio.timeout(max(pause - self._min_pause, 0)):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()

    async def _check_in_time(self) -> float:
        """Look into the tables where it is time, and return the seconds until the next step."""
        try:
            if not await self._hold_lease():
                return RENEWAL_SECONDS
            if clock.time_ns() >= self._next_check:
                await self.check()
        except Exception as error:
            self._next_check = 0
            log.log(choose_log_level(error), "looking for due automations failed, retrying", exc_info=error)
            return RENEWAL_SECONDS
        return min(max((self._next_check - clock.time_ns()) / _SECOND, self._min_pause), RENEWAL_SECONDS)

    async def _hold_lease(self) -> bool:
        """Renew the lease, or try to get it; return whether this process has it."""
        if self._lease is not None and await self._lease.renew():
            return True
        self._lease = await self._cluster.acquire_lease(_LEASE, seconds=LEASE_SECONDS)
        if self._lease is not None:
            self._next_check = 0
        return self._lease is not None

    async def check(self) -> None:
        """Start what is due, also without the lease, and set when the next check is."""
        now = clock.time_ns()
        # What is announced from now on, while the tables are read, sets an earlier time.
        self._next_check = now + int(CHECK_SECONDS * _SECOND)
        for source in self._sources:
            due_at = await source.find_next_due()
            if due_at is not None and due_at <= now:
                await source.start_due(now)
                due_at = await source.find_next_due()
            if due_at is not None:
                self._next_check = min(self._next_check, due_at)

    async def _release(self) -> None:
        if self._lease is not None:
            await self._lease.release()
