"""The leases of a process in Redis."""

from __future__ import annotations

import time
import uuid
from typing import Any

from fastback.kit.cluster import redis_scripts
from fastback.kit.cluster.redis_commands import RedisCommands, do_nothing, to_milliseconds


class RedisLease:
    """Implements `Lease`."""

    def __init__(self, leases: RedisLeases, name: str, seconds: float) -> None:
        self._leases = leases
        self.name = name
        self.token = 0
        self.seconds = seconds
        #: What Redis stores for this holder.
        self.holder = uuid.uuid4().hex
        self.deadline = time.monotonic() + seconds

    async def renew(self) -> bool:
        return await self._leases.renew(self)

    async def release(self) -> None:
        await self._leases.release(self)


class RedisLeases:
    """Acquires, renews and releases leases. While Redis does not answer, this process is the only one."""

    def __init__(self, commands: RedisCommands) -> None:
        self._commands = commands
        self._held: dict[str, RedisLease] = {}

    def _find(self, name: str) -> RedisLease | None:
        """Return this process's lease, if it has one that has not expired."""
        lease = self._held.get(name)
        return None if lease is None or time.monotonic() >= lease.deadline else lease

    async def acquire(self, name: str, seconds: float) -> RedisLease | None:
        """Return a new lease, or None where another holds it."""
        if self._find(name) is not None:
            return None
        lease = RedisLease(self, name, seconds)
        key = self._commands.build_key("lease", name)

        async def acquire(client: Any) -> int | None:
            token = await client.eval(
                redis_scripts.ACQUIRE_LEASE, 2, key, f"{key}:token", lease.holder, to_milliseconds(seconds)
            )
            return None if token is None else int(token)

        async def acquire_alone() -> int | None:
            return time.time_ns() // 1000

        token = await self._commands.run(acquire, acquire_alone)
        if token is None or self._find(name) is not None:  # the latter: while Redis went away
            return None
        lease.token = token
        self._held[name] = lease
        return lease

    async def renew(self, lease: RedisLease) -> bool:
        """Extend a lease, unless it has expired or is another's."""
        if self._find(lease.name) is not lease:
            return False
        deadline = time.monotonic() + lease.seconds
        if not await self._renew_in_redis(lease):
            self._drop(lease)
            return False
        lease.deadline = deadline
        return True

    async def _renew_in_redis(self, lease: RedisLease) -> bool:
        """Return whether the lease is this process's, as it is where Redis does not answer."""
        key = self._commands.build_key("lease", lease.name)

        async def renew(client: Any) -> bool:
            arguments = lease.holder, to_milliseconds(lease.seconds), lease.token
            return bool(await client.eval(redis_scripts.RENEW_LEASE, 2, key, f"{key}:token", *arguments))

        async def renew_alone() -> bool:
            return True

        return await self._commands.run(renew, renew_alone)

    async def release(self, lease: RedisLease) -> None:
        """End a lease, unless it has expired."""
        if self._find(lease.name) is not lease:
            return
        self._drop(lease)
        key = self._commands.build_key("lease", lease.name)

        async def release(client: Any) -> None:
            await client.eval(redis_scripts.RELEASE_LEASE, 1, key, lease.holder)

        await self._commands.run(release, do_nothing)

    def _drop(self, lease: RedisLease) -> None:
        if self._held.get(lease.name) is lease:
            del self._held[lease.name]

    async def restore(self) -> None:
        """Store the leases of this process again, after an outage; drop those that others have now."""
        for name in list(self._held):
            lease = self._find(name)
            if lease is None:
                del self._held[name]
            elif not await self._renew_in_redis(lease):
                self._drop(lease)

    async def release_all(self) -> None:
        """End the leases of this process."""
        for lease in list(self._held.values()):
            await self.release(lease)
