"""Readiness: whether the database and Redis respond."""

from __future__ import annotations

import asyncio
import logging

from fastback.features.server.store import ping_database
from fastback.kit.db import Database
from fastback.kit.http import HttpError
from fastback.kit.redis import Redis

log = logging.getLogger("fastback.server")

#: Time limit for the response of Redis (seconds).
_REDIS_TIMEOUT_SECONDS = 5.0


class ReadinessChecks:
    """Check the database, and Redis if it is configured."""

    def __init__(self, db: Database, redis: Redis | None = None) -> None:
        self._db = db
        self._redis = redis

    async def check_database(self) -> None:
        """Run a trivial query; errors of the database propagate."""
        await ping_database(self._db)

    async def check_all(self) -> None:
        """Check every dependency.

        Raises:
            HttpError 503: the first dependency that does not respond.
        """
        try:
            await self.check_database()
        except Exception as error:
            log.warning("database check failed: %r", error)
            raise HttpError(503, "Database not ready") from error
        if self._redis is not None and not await self._is_redis_responding(self._redis):
            raise HttpError(503, "Redis not ready")

    @staticmethod
    async def _is_redis_responding(redis: Redis) -> bool:
        try:
            return await asyncio.wait_for(redis.ping(), _REDIS_TIMEOUT_SECONDS)
        except TimeoutError:
            return False
