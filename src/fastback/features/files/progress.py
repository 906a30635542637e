"""The progress of files that are being processed, and the requests that wait for it."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator
from typing import Any

from fastback.features.files import store
from fastback.features.files.store import ProcessingStatus
from fastback.kit.db import Database

#: Seconds between two status checks of a waiting request, and the longest wait.
CHECK_INTERVAL, LONGEST_WAIT = 1.0, 2 * 3600


class FileProgress:
    """The latest status of one file; wakes the requests that wait for a change."""

    def __init__(self) -> None:
        #: None where only the database has the status.
        self.status: ProcessingStatus | None = None
        self.changed = asyncio.Event()

    def set_status(self, status: ProcessingStatus | None) -> None:
        self.status = status
        self.changed.set()
        self.changed = asyncio.Event()


class ProgressBoard:
    """The progress of all files that are being processed or waited for in this process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        # The processing task and the waiting requests hold the entries; an entry goes with the last of them.
        self._entries: weakref.WeakValueDictionary[str, FileProgress] = weakref.WeakValueDictionary()

    def open_entry(self, file_id: str) -> FileProgress:
        """Return the entry of a file, a new one if it has none; it lasts as long as the caller holds it."""
        return self._entries.setdefault(file_id, FileProgress())

    def set_status(self, file_id: str, status: ProcessingStatus) -> None:
        """Announce a new status to the requests that wait for the file."""
        progress = self._entries.get(file_id)
        if progress is not None:
            progress.set_status(status)

    async def find_status(self, file_id: str) -> ProcessingStatus | None:
        """Return the status of a file, or None if there is no such file."""
        progress = self._entries.get(file_id)
        # While the status is known here, a row with megabytes of text is not read for it.
        return (progress and progress.status) or await store.find_status(self._db, file_id)

    async def watch_file(self, file_id: str) -> AsyncIterator[dict[str, Any]]:
        """Yield the status of a file at once, when it changes and every second, until it is completed or failed.

        Each is `{"status": …}`, with `error` for `failed`; `not_found` ends the stream.
        """
        progress = self.open_entry(file_id)
        for _ in range(int(LONGEST_WAIT / CHECK_INTERVAL)):
            changed = progress.changed
            status = await self.find_status(file_id)
            if status is None:
                yield {"status": "not_found"}
                return
            if not status.status:
                return
            yield {"status": status.status} | ({"error": status.error} if status.status == "failed" else {})
            if status.status in ("completed", "failed"):
                return
            try:
                await asyncio.wait_for(changed.wait(), CHECK_INTERVAL)
            except TimeoutError:
                pass
