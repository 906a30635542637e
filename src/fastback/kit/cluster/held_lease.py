"""Hold a lease for as long as some work takes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastback.kit.cluster.interface import Cluster, Lease

log = logging.getLogger("fastback.cluster")


@asynccontextmanager
async def hold_lease(cluster: Cluster, name: str, *, seconds: float) -> AsyncIterator[Lease | None]:
    """Acquire a lease, renew it inside of the context, and release it; None where another holds it.

    When this process dies, the lease expires `seconds` after its last renewal, which was at most a third of them ago.
    """
    lease = await cluster.acquire_lease(name, seconds=seconds)
    if lease is None:
        yield None
        return
    renewal = asyncio.get_running_loop().create_task(_keep_renewing(lease, seconds / 3))
    try:
        yield lease
    finally:
        renewal.cancel()
        await asyncio.wait([renewal])  # a renewal under way would store the lease again
        await lease.release()


async def _keep_renewing(lease: Lease, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        if not await lease.renew():
            log.warning("the lease %s is lost: another process may do the same work", lease.name)
            return
