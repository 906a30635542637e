"""How often somebody may try to sign in: as many attempts in a rolling window as the reference allows."""

from __future__ import annotations

import time

from fastback.kit.redis import Redis


class RateLimiter:
    """Counts attempts by key in buckets of a minute: in Redis when there is one, else in memory."""

    def __init__(self, redis: Redis | None = None, *, limit: int = 15, window: int = 180) -> None:
        self._redis = redis
        self._limit = limit
        self._buckets = window // 60
        self._window = window
        self._memory: dict[int, dict[str, int]] = {}

    async def is_limited(self, key: str) -> bool:
        """Count an attempt; whether it is one too many."""
        bucket = int(time.time()) // 60
        if self._redis is not None:
            try:
                return await self._in_redis(self._redis, key, bucket)
            except self._redis.errors as error:  # without Redis the limit is each process's own
                self._redis.log_unavailable(error)
        for old in [one for one in self._memory if one < bucket - self._buckets]:
            del self._memory[old]
        hits = self._memory.setdefault(bucket, {})
        hits[key] = hits.get(key, 0) + 1
        return sum(one.get(key, 0) for one in self._memory.values()) > self._limit

    async def _in_redis(self, redis: Redis, key: str, bucket: int) -> bool:
        names = [redis.prefixed_key(f"ratelimit:{key.lower()}:{bucket - back}") for back in range(self._buckets + 1)]
        if await redis.client.incr(names[0]) == 1:
            await redis.client.expire(names[0], self._window + 60)
        counts = [await redis.client.get(name) for name in names]  # in a cluster they lie in several places
        return sum(int(one) for one in counts if one) > self._limit
