"""Whether what the server hangs on answers."""

from __future__ import annotations

import asyncio
import logging

from fastback.kit.db import Database
from fastback.kit.http import HttpError
from fastback.kit.redis import Redis

log = logging.getLogger("fastback.server")

#: Seconds that Redis may take.
_PATIENCE = 5.0


class Readiness:
    """Asks the database, and Redis where it is used."""

    def __init__(self, db: Database, redis: Redis | None = None) -> None:
        self._db = db
        self._redis = redis

    async def database(self) -> None:
        """Raises: whatever the database says."""
        await self._db.fetch_value("server.ping", "SELECT 1")

    async def everything(self) -> None:
        """Raises: HttpError, 503, for the first that does not answer."""
        try:
            await self.database()
        except Exception as error:
            log.warning("the database does not answer: %r", error)
            raise HttpError(503, "Database not ready") from error
        if self._redis is not None and not await self._answers(self._redis):
            raise HttpError(503, "Redis not ready")

    @staticmethod
    async def _answers(redis: Redis) -> bool:
        try:
            return await asyncio.wait_for(redis.ping(), _PATIENCE)
        except TimeoutError:
            return False
