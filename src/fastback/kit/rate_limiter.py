"""A limit of attempts by key in a rolling window, counted as the reference counts them."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from fastback.kit.redis import Redis, RedisUnavailable


class RateLimiter:
    """Counts attempts by key in buckets of a minute: in Redis where it is configured, else in memory.

    `limit` attempts are allowed in `window` seconds.
    """

    def __init__(self, redis: Redis | None = None, *, limit: int = 15, window: int = 180) -> None:
        self._redis = redis
        self._limit = limit
        self._buckets = window // 60
        self._window = window
        self._memory: dict[int, dict[str, int]] = {}

    async def is_limited(self, key: str) -> bool:
        """Count an attempt and return whether it exceeds the limit."""
        bucket = int(time.time()) // 60
        if self._redis is not None:
            # Without an answer of Redis each process counts on its own.
            with suppress(RedisUnavailable):
                return await self._is_limited_in_redis(self._redis, key, bucket)
        for expired in [number for number in self._memory if number < bucket - self._buckets]:
            del self._memory[expired]
        hits = self._memory.setdefault(bucket, {})
        hits[key] = hits.get(key, 0) + 1
        return sum(counts.get(key, 0) for counts in self._memory.values()) > self._limit

    async def _is_limited_in_redis(self, redis: Redis, key: str, bucket: int) -> bool:
        names = [redis.prefixed_key(f"ratelimit:{key.lower()}:{bucket - back}") for back in range(self._buckets + 1)]

        async def count_attempts(client: Any) -> int:
            if await client.incr(names[0]) == 1:
                await client.expire(names[0], self._window + 60)
            # In a cluster the keys are stored on several nodes, so one command cannot read them all.
            counts = [await client.get(name) for name in names]
            return sum(int(count) for count in counts if count)

        return await redis.run(count_attempts) > self._limit
