"""Redis, where the installation has one: a single server, a cluster, or a master that sentinels name.

The client takes some eight megabytes, so it is loaded only when it is asked for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

log = logging.getLogger("fastback.redis")

#: A Redis that does not answer is complained of once in so many seconds.
COMPLAIN_AGAIN = 60.0


class RedisError(Exception):
    """An address that makes no sense; the text is one line."""


class Redis:
    """A client with the prefix of its keys. `client` is redis-py's own, of whatever kind."""

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "",
        cluster: bool = False,
        sentinels: list[tuple[str, int]] | None = None,
        attempts: int = 2,
        pause: float = 0.0,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """With `sentinels`, the host of `url` is the name of the service they are asked for.

        `attempts` and `pause` (seconds) are for the time in which sentinels choose a new master; `options` are those of
        connections, as redis-py names them.

        Raises:
            RedisError: the address makes no sense.
        """
        from redis.asyncio import Redis as Single
        from redis.asyncio import RedisCluster
        from redis.exceptions import RedisClusterException
        from redis.exceptions import RedisError as Failed

        self.errors: tuple[type[Exception], ...] = (Failed, RedisClusterException, OSError)
        self._prefix = prefix
        self._complained = -COMPLAIN_AGAIN
        given = dict(options or {})
        try:
            if sentinels:
                self.client: Any = _master(url, sentinels, attempts, pause, given)
            elif cluster:
                self.client = RedisCluster.from_url(url, **given)
            else:
                self.client = Single.from_url(url, **given)
        except (ValueError, RedisClusterException) as error:
            raise RedisError(str(error)) from error

    def key(self, name: str) -> str:
        """The name of a key, with the installation's prefix."""
        return f"{self._prefix}:{name}" if self._prefix else name

    def complain(self, error: Exception) -> None:
        """Say, once in a while, that Redis does not answer."""
        now = time.monotonic()
        if now - self._complained >= COMPLAIN_AGAIN:
            self._complained = now
            log.warning("Redis does not answer: %s", error or type(error).__name__)

    async def ping(self) -> bool:
        """Whether it answers; complained of where it does not."""
        try:
            await self.client.ping()
        except self.errors as error:
            self.complain(error)
            return False
        return True

    async def close(self) -> None:
        await self.client.aclose()


def sentinel_hosts(hosts: str, port: int) -> list[tuple[str, int]]:
    """Hosts out of a text in which `,` separates them."""
    return [(one.strip(), port) for one in hosts.split(",") if one.strip()]


def _master(url: str, sentinels: list[tuple[str, int]], attempts: int, pause: float, options: dict[str, Any]) -> Any:
    from redis.asyncio.retry import Retry
    from redis.asyncio.sentinel import Sentinel
    from redis.backoff import ConstantBackoff
    from redis.exceptions import ConnectionError as Lost
    from redis.exceptions import ReadOnlyError
    from redis.exceptions import TimeoutError as Late

    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss"):
        raise ValueError("its address must begin with redis:// or rediss://")
    # Not `parts.hostname`: that folds case, and names of services keep theirs.
    service = parts.netloc.rpartition("@")[2].partition(":")[0] or "mymaster"
    known = {"username": parts.username or None, "password": parts.password or None}
    sockets = {name: value for name, value in options.items() if name.startswith("socket_")}
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        sentinels,
        sentinel_kwargs={**known, **sockets},
        **known,
        db=int(parts.path.lstrip("/") or 0),
        retry=Retry(ConstantBackoff(pause), max(attempts - 1, 0)),
        retry_on_error=[Lost, ReadOnlyError, Late],
        **options,
    )
    return sentinel.master_for(service)
