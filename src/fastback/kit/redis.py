"""Redis, where the installation has one: a single server, a cluster, or a master that sentinels choose.

The client takes some eight megabytes, so it is imported only when a `Redis` is created.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from fastback.kit.redis_sentinels import ConcurrentSentinel

log = logging.getLogger("fastback.redis")

T = TypeVar("T")

#: Seconds that a command may take.
COMMAND_SECONDS = 1.0
#: Seconds between two warnings that Redis does not answer.
WARNING_INTERVAL = 60.0


class RedisError(Exception):
    """The address of Redis is invalid; the text is one line."""


class RedisUnavailable(Exception):
    """Redis does not answer, or has refused a command."""


class Redis:
    """A Redis client and the prefix of its keys.

    Attributes:
        client: redis-py's own client, of the kind that the settings ask for.
        errors: what the client raises when Redis does not answer; a `TimeoutError` is one of them.
        is_up: whether commands are tried. `kit.cluster` watches it: a Redis that hangs delays one command, not all.
        on_loss: called with the error where a command gets no answer.
    """

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
        """Create the client; it connects when it is first used.

        With `sentinels`, the host of `url` is the name of the service that they look up. A command is tried `attempts`
        times, `pause` seconds apart, while sentinels choose a new master; others twice, at once. `options` are those of
        connections, with redis-py's names.

        Raises:
            RedisError: the address is invalid.
        """
        from redis.asyncio import Redis as Single
        from redis.asyncio import RedisCluster
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
        from redis.exceptions import RedisClusterException
        from redis.exceptions import RedisError as Failed

        self.is_up = True
        self.on_loss: Callable[[Exception], None] = self.log_unavailable
        self._is_cluster = cluster and not sentinels
        self.errors: tuple[type[Exception], ...] = (Failed, RedisClusterException, OSError)
        self._prefix = prefix
        self._warned_at = -WARNING_INTERVAL
        #: Has connections of its own besides the client's.
        self._sentinel: ConcurrentSentinel | None = None
        self._url = url
        self._connection_options = {"retry": Retry(NoBackoff(), 1), **(options or {})}
        try:
            if sentinels:
                from fastback.kit.redis_sentinels import create_sentinel_client

                self.client: Any
                self.client, self._sentinel = create_sentinel_client(
                    url, sentinels, attempts=attempts, pause=pause, options=options or {}
                )
            elif cluster:
                self.client = RedisCluster.from_url(url, **self._connection_options)
            else:
                self.client = Single.from_url(url, **self._connection_options)
        except (ValueError, RedisClusterException) as error:
            raise RedisError(str(error)) from error

    def prefixed_key(self, name: str) -> str:
        """Return the name of a key with the installation's prefix."""
        return f"{self._prefix}:{name}" if self._prefix else name

    async def run(self, command: Callable[[Any], Awaitable[T]]) -> T:
        """Run a command with the client, within a second.

        Raises:
            RedisUnavailable: Redis does not answer, or has refused the command. It is logged.
        """
        if not self.is_up:
            raise RedisUnavailable
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                return await command(self.client)
        except self.errors as error:
            if self.is_refusal(error):
                self.log_unavailable(error)
            else:
                self.on_loss(error)
            raise RedisUnavailable from error

    @staticmethod
    def is_refusal(error: BaseException) -> bool:
        """Return whether Redis answered that it does not carry out a command, while others may succeed."""
        from redis.exceptions import AskError, ClusterError, ReadOnlyError, ResponseError

        return isinstance(error, ResponseError) and not isinstance(error, ReadOnlyError | ClusterError | AskError)

    @staticmethod
    def is_late(error: BaseException) -> bool:
        """Return whether Redis did not answer in time, so that it may have carried out what it was sent."""
        from redis.exceptions import TimeoutError as Late

        return isinstance(error, TimeoutError | Late)

    def log_unavailable(self, error: Exception) -> None:
        """Log that Redis does not answer, at most once every `WARNING_INTERVAL` seconds."""
        now = time.monotonic()
        if now - self._warned_at >= WARNING_INTERVAL:
            self._warned_at = now
            log.warning("Redis does not answer: %s", str(error) or type(error).__name__)

    @asynccontextmanager
    async def connect_for_messages(self) -> AsyncIterator[Any]:
        """Enter with a client for publish/subscribe after Redis has answered.

        In a cluster every master must answer. Messages then pass through one of them, which hands them on in the order
        in which it has received them; redis-py's own client would choose a master for each channel.
        """
        if not self._is_cluster:
            await self.client.ping()
            yield self.client
            return
        from redis.asyncio import ConnectionPool
        from redis.asyncio import Redis as Single

        await self.client.ping(target_nodes=self.client.PRIMARIES)
        master = random.choice(self.client.get_primaries())
        pool = ConnectionPool.from_url(self._url, **self._connection_options)
        pool.connection_kwargs |= {"host": master.host, "port": master.port}
        client = Single.from_pool(pool)
        try:
            yield client
        finally:
            await client.aclose()

    async def ping(self) -> bool:
        """Return whether Redis answers, and log a warning where it does not."""
        try:
            await self.client.ping()
        except self.errors as error:
            self.log_unavailable(error)
            return False
        return True

    async def close(self) -> None:
        """Close the connections."""
        await self.client.aclose()
        if self._sentinel is not None:
            await self._sentinel.aclose()


def parse_sentinel_hosts(hosts: str, port: int) -> list[tuple[str, int]]:
    """Parse hosts that are separated by `,`, and add the port to each."""
    return [(host.strip(), port) for host in hosts.split(",") if host.strip()]
