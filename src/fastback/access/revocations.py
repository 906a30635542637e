"""Ended sessions in Redis, shared with other programs of the same installation, as Open WebUI shares them.

Our own list is stored in the database; programs that know only Redis read and write this one.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from fastback.access.events import TokenRevoked
from fastback.kit.bus import Bus
from fastback.kit.redis import Redis, RedisUnavailable


class RedisRevocations:
    """Reads and writes the keys of ended sessions.

    `{prefix}:auth:token:{jti}:revoked` is one session, `{prefix}:auth:user:{id}:revoked_at` all sessions of a user.
    """

    def __init__(self, redis: Redis, bus: Bus) -> None:
        self._redis = redis
        bus.subscribe(TokenRevoked, self._store_revocation)

    async def is_revoked(self, claims: dict[str, Any]) -> bool:
        """Return whether a program ended the session of a token; False where Redis is unavailable."""
        jti, user_id = claims.get("jti"), claims.get("id")

        async def read(client: Any) -> bool:
            if jti and await client.get(self._redis.prefixed_key(f"auth:token:{jti}:revoked")):
                return True
            revoked_at = await client.get(self._redis.prefixed_key(f"auth:user:{user_id}:revoked_at"))
            if not revoked_at or not revoked_at.isdigit():
                return False
            issued_at = claims.get("iat")
            return issued_at is None or int(issued_at) <= int(revoked_at)

        try:
            return await self._redis.run(read)
        except RedisUnavailable:
            return False

    async def _store_revocation(self, event: TokenRevoked) -> None:
        remaining = event.expires_at - int(time.time())
        if remaining <= 0:
            return
        name = self._redis.prefixed_key(f"auth:token:{event.jti}:revoked")
        with suppress(RedisUnavailable):
            await self._redis.run(lambda client: client.set(name, "1", ex=remaining))
