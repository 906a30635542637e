"""Commands to Redis, each with what a process does by itself while Redis does not answer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastback.kit.redis import Redis, RedisUnavailable

T = TypeVar("T")


class RedisCommands:
    """Runs commands and scripts, and names keys."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def run(self, command: Callable[[Any], Awaitable[T]], alone: Callable[[], Awaitable[T]]) -> T:
        """Run a command with the client of Redis, or `alone` where Redis does not answer."""
        try:
            return await self._redis.run(command)
        except RedisUnavailable:
            return await alone()

    def build_key(self, kind: str, name: str) -> str:
        """Return the key of a lease, a counter or a stream."""
        return self._redis.prefixed_key(f"cluster:{kind}:{{{name}}}")

    def build_table_keys(self, table: str) -> tuple[str, str]:
        """Return the keys of the entries of a table, and of their deadlines."""
        key = self.build_key("table", table)
        return key, f"{key}:deadlines"


async def publish_all(client: Any, channels: list[str], messages: list[bytes], *, seconds: float) -> None:
    """Publish messages to their channels, in order and within `seconds`."""
    async with asyncio.timeout(seconds):
        if len(channels) == 1:
            await client.publish(channels[0], messages[0])
            return
        pipeline = client.pipeline(transaction=False)
        for channel, message in zip(channels, messages, strict=True):
            pipeline.publish(channel, message)
        await pipeline.execute()


async def do_nothing() -> None:
    """Do nothing: alone, there is nothing to change in Redis."""


def to_milliseconds(seconds: float | None) -> int:
    """Return a lifetime as scripts take it: 0 for one without end."""
    return 0 if seconds is None else max(math.ceil(seconds * 1000), 1)
