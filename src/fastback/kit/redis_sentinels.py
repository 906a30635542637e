"""The master of Redis that sentinels name."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel
from redis.backoff import ConstantBackoff, NoBackoff
from redis.exceptions import ConnectionError as Lost
from redis.exceptions import ReadOnlyError, ResponseError
from redis.exceptions import TimeoutError as Late

#: Seconds in which other sentinels may still contradict the first that names a master.
_CONTRADICTION_SECONDS = 0.1


class ConcurrentSentinel(Sentinel):
    """Asks all sentinels at once.

    redis-py asks one after another, so that a sentinel on a lost machine delays each search by its time limits.
    """

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        """Return the host and port of the master that the sentinels of the latest failover name.

        A sentinel that was away names the former master until the others reach it.

        Raises:
            MasterNotFoundError: none names a master that answers.
        """
        errors: list[str] = []
        tasks = [asyncio.create_task(self._find_master(sentinel, service_name, errors)) for sentinel in self.sentinels]
        try:
            masters = await _gather_soon(tasks)
        finally:
            for task in tasks:
                task.cancel()
        if not masters:
            raise MasterNotFoundError("; ".join([f"no sentinel names a master of {service_name!r}", *errors]))
        latest = max(masters, key=lambda master: int(master["config-epoch"]))
        return str(latest["ip"]), int(latest["port"])

    async def _find_master(self, sentinel: Any, service_name: str, errors: list[str]) -> dict[str, Any] | None:
        try:
            master = (await sentinel.sentinel_masters()).get(service_name)
        except (Lost, Late, ResponseError) as error:
            errors.append(str(error))
            return None
        return master if master and self.check_master_state(master, service_name) else None

    async def aclose(self) -> None:
        """Close the connections to the sentinels."""
        await asyncio.gather(*(sentinel.aclose() for sentinel in self.sentinels), return_exceptions=True)


async def _gather_soon(tasks: list[asyncio.Task[dict[str, Any] | None]]) -> list[dict[str, Any]]:
    """Return the first master that is named, and those that are named within a moment."""
    masters: list[dict[str, Any]] = []
    pending = set(tasks)
    while pending:
        done, pending = await asyncio.wait(
            pending, timeout=_CONTRADICTION_SECONDS if masters else None, return_when=asyncio.FIRST_COMPLETED
        )
        if not done:
            break
        masters += [master for task in done if (master := task.result()) is not None]
    return masters


def create_sentinel_client(
    url: str, sentinels: list[tuple[str, int]], *, attempts: int, pause: float, options: Mapping[str, Any]
) -> tuple[Redis, ConcurrentSentinel]:
    """Return a client of the master of the service that is the host of a URL, and what asks the sentinels.

    A `rediss` URL encrypts the connections to sentinels, too; its query may have options of redis-py.

    Raises:
        ValueError: the URL is invalid.
    """
    address = urlsplit(url)
    if address.scheme not in ("redis", "rediss"):
        raise ValueError("its address must begin with redis:// or rediss://")
    query: dict[str, Any] = dict(parse_url(url))
    for name in ("connection_class", "host", "port", "db", "username", "password"):
        query.pop(name, None)
    # Not `address.hostname`: that folds case, and names of services keep theirs.
    service = address.netloc.rpartition("@")[2].partition(":")[0] or "mymaster"
    credentials = {"username": address.username or None, "password": address.password or None}
    shared = {"ssl": True} | credentials if address.scheme == "rediss" else credentials
    all_options = {**options, **query}
    sentinel_options = {name: value for name, value in all_options.items() if name.startswith(("socket_", "ssl_"))}
    manager = ConcurrentSentinel(  # type: ignore[no-untyped-call]
        sentinels,
        sentinel_kwargs={"retry": Retry(NoBackoff(), 1), **shared, **sentinel_options},
        db=int(address.path.lstrip("/") or 0),
        retry=Retry(ConstantBackoff(pause), max(attempts - 1, 0)),
        retry_on_error=[Lost, ReadOnlyError, Late],
        **shared,
        **all_options,
    )
    return manager.master_for(service), manager
