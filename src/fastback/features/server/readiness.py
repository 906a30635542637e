"""Readiness: whether the database and Redis respond."""

from __future__ import annotations

import asyncio
import logging

from fastback.features.server.store import ping_database
from fastback.kit.db import Database, DatabaseBusy
from fastback.kit.http import ServiceUnavailable
from fastback.kit.outages import find_outage
from fastback.kit.redis import Redis

log = logging.getLogger("fastback.server")

#: Time limit for the response of a dependency (seconds).
_TIMEOUT_SECONDS = 5.0


class ReadinessChecks:
    """Check the database, and Redis if it is configured."""

    def __init__(self, db: Database, redis: Redis | None = None) -> None:
        self._db = db
        self._redis = redis

    async def check_database(self) -> None:
        """Run a trivial query.

        Raises:
            DatabaseUnavailable: the database does not respond.
        """
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                await ping_database(self._db)
        except TimeoutError as error:
            raise DatabaseBusy(f"the database did not respond within {_TIMEOUT_SECONDS:g} s") from error

    async def check_all(self) -> None:
        """Check every dependency.

        Raises:
            ServiceUnavailable: the first dependency that does not respond.
        """
        try:
            await self.check_database()
        except Exception as error:
            if find_outage(error) is None:
                log.warning("database check failed: %r", error)
            raise ServiceUnavailable("Database not ready") from error
        if self._redis is not None and not await self._is_redis_responding(self._redis):
            raise ServiceUnavailable("Redis not ready")

    @staticmethod
    async def _is_redis_responding(redis: Redis) -> bool:
        try:
            return await asyncio.wait_for(redis.ping(), _TIMEOUT_SECONDS)
        except TimeoutError:
            return False
