"""Sessions that ended, shared over Redis with other programs on the same installation, as Open WebUI shares them.

Our own list stands in the database; this one is for those who look only here, and for what only they have written.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from fastback.access.events import TokenRevoked
from fastback.kit.bus import Bus
from fastback.kit.redis import Redis

log = logging.getLogger("fastback.access")


class RedisRevocations:
    """`{prefix}:auth:token:{jti}:revoked` for one session, `{prefix}:auth:user:{id}:revoked_at` for all of a user."""

    def __init__(self, redis: Redis, bus: Bus) -> None:
        self._redis = redis
        bus.subscribe(TokenRevoked, self._store_revocation)

    async def is_revoked(self, claims: dict[str, Any]) -> bool:
        """Whether somebody ended the session of a token. Where Redis does not answer, nobody did."""
        try:
            jti, user_id = claims.get("jti"), claims.get("id")
            if jti and await self._redis.client.get(self._redis.prefixed_key(f"auth:token:{jti}:revoked")):
                return True
            found = await self._redis.client.get(self._redis.prefixed_key(f"auth:user:{user_id}:revoked_at"))
            if not found or not found.isdigit():
                return False
            issued = claims.get("iat")
            return issued is None or int(issued) <= int(found)
        except self._redis.errors as error:
            self._redis.log_unavailable(error)
            return False

    async def _store_revocation(self, event: TokenRevoked) -> None:
        left = event.expires_at - int(time.time())
        if left <= 0:
            return
        try:
            await self._redis.client.set(self._redis.prefixed_key(f"auth:token:{event.jti}:revoked"), "1", ex=left)
        except self._redis.errors as error:
            self._redis.log_unavailable(error)
