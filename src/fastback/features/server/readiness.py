"""Readiness: whether the database and Redis respond, and the disks of the database and of the files have space."""

from __future__ import annotations

import asyncio
import logging
import shutil
from pathlib import Path

from fastback.features.server.store import ping_database
from fastback.kit.db import Database, DatabaseBusy
from fastback.kit.http import ServiceUnavailable
from fastback.kit.outages import find_outage
from fastback.kit.redis import Redis

log = logging.getLogger("fastback.server")

#: Time limit for the response of a dependency (seconds).
_TIMEOUT_SECONDS = 5.0
#: Bytes that must be free on the disk of stored files.
_MIN_FREE_BYTES = 1024 * 1024


class ReadinessChecks:
    """Check the database, the directory of stored files, and Redis if it is configured."""

    def __init__(self, db: Database, redis: Redis | None = None, files: Path | None = None) -> None:
        self._db = db
        self._redis = redis
        self._files = files

    async def check_database(self) -> None:
        """Run a trivial query.

        Raises:
            DatabaseUnavailable: the database does not respond. ServiceUnavailable: its disk is full.
        """
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                await ping_database(self._db)
        except TimeoutError as error:
            raise DatabaseBusy(f"the database did not respond within {_TIMEOUT_SECONDS:g} s") from error
        if (failure := self._db.disk_space.error) is not None:
            raise ServiceUnavailable("The disk of the database is full.") from failure

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
        if self._files is not None and not await asyncio.to_thread(_has_space, self._files):
            raise ServiceUnavailable("Storage not ready")
        if self._redis is not None and not await self._is_redis_responding(self._redis):
            raise ServiceUnavailable("Redis not ready")

    @staticmethod
    async def _is_redis_responding(redis: Redis) -> bool:
        try:
            return await asyncio.wait_for(redis.ping(), _TIMEOUT_SECONDS)
        except TimeoutError:
            return False


def _has_space(directory: Path) -> bool:
    """Return whether a directory, which may be missing until the first upload, is on a disk with space."""
    existing = next(parent for parent in (directory, *directory.absolute().parents) if parent.exists())
    usage = shutil.disk_usage(existing)
    return usage.total == 0 or usage.free >= _MIN_FREE_BYTES  # some network file systems do not say
