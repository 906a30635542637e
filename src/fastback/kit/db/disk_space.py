"""Whether the disk of a database has space."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from time import monotonic
from typing import Any

from fastback.kit.db.errors import DatabaseError, DatabaseUnavailable, StorageFull

log = logging.getLogger("fastback.db")

#: Seconds between two probes of a full disk.
PROBE_SECONDS = 2.0


class DiskSpace:
    """The disk is full from the first write that fails for it until a probe succeeds; the log says both.

    Attributes:
        error: the error of the last failed write while the disk is full; otherwise None.
    """

    def __init__(self, probe: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """`probe` writes to the database as any change does."""
        self.error: StorageFull | None = None
        self._probe = probe
        self._waiting: asyncio.Task[None] | None = None

    def report_failure(self, error: BaseException) -> None:
        """Take note of an error of a write; only a full disk counts."""
        if not isinstance(error, StorageFull):
            return
        if self.error is None:
            log.error("the disk of the database is full, changes are refused: %s", error)
            self._waiting = asyncio.get_running_loop().create_task(self._wait_for_space())
        self.error = error

    async def _wait_for_space(self) -> None:
        began = monotonic()
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            try:
                await self._probe()
            except (StorageFull, DatabaseUnavailable):
                continue
            except DatabaseError as error:
                log.warning("probing the disk of the database failed: %s", error)
            break
        self.error = None
        log.warning("the disk of the database has space again after %.0f s", monotonic() - began)

    async def close(self) -> None:
        """Stop probing."""
        if self._waiting is not None:
            self._waiting.cancel()
            with suppress(asyncio.CancelledError):
                await self._waiting
