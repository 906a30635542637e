"""Keeps the index of chats up to date in the background, in small steps."""

from __future__ import annotations

import asyncio
import logging
import time

from fastback.access.events import UserDeleted
from fastback.features.chats.events import ChatDeleted, ChatWritten
from fastback.features.chats.search.index import SearchIndex
from fastback.kit.bus import Bus
from fastback.kit.db import Database, DatabaseError

log = logging.getLogger("fastback.search")

#: Seconds after a change before the index follows: a chat that is being worked on changes several times in a row.
PATIENCE = 1.0
#: Seconds before the first comparison: starting to serve comes first.
PAUSE_AT_START = 1.0
#: Seconds between comparisons of the whole index with the chats, for what another program did without leaving a time.
COMPARE_EVERY = 3600.0
#: Chats compared in one statement, and written down in one transaction.
COMPARED, WRITTEN = 500, 16
#: Seconds of rest after each transaction while there is much to do: others want the processor too.
REST = 0.005
#: Seconds by which clocks and open transactions of other programs may be behind.
SLACK = 30


class ChatIndexer:
    """Follows what the bus tells, and compares everything when it starts."""

    def __init__(self, index: SearchIndex, db: Database, bus: Bus) -> None:
        self._index = index
        self._db = db
        self._wake = asyncio.Event()
        self._sweep: set[str] = set()
        self._sweeping: set[str] = set()
        self._stamp: int | None = None
        bus.subscribe(ChatWritten, lambda event: self.mark_changed(event.chat_id))
        bus.subscribe(ChatDeleted, self._on_chat_deleted)
        bus.subscribe(UserDeleted, self._on_user_deleted)

    def mark_changed(self, chat_id: str) -> None:
        """Let the index follow a chat that changed."""
        self._index.mark_changed(chat_id)
        self._wake.set()

    def _on_chat_deleted(self, event: ChatDeleted) -> None:
        # More than the one chat may have gone with it.
        self._sweep.add(event.user_id)
        self._wake.set()

    def _on_user_deleted(self, event: UserDeleted) -> None:
        self._sweep.add(event.user_id)
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            await self._index.open()
            await asyncio.sleep(PAUSE_AT_START)
            if self._index.ready:
                await self._run_loop()
            await asyncio.Event().wait()
        finally:
            await self._index.tables.close()

    async def _run_loop(self) -> None:
        compare_at = 0.0
        while True:
            try:
                if time.monotonic() >= compare_at:
                    await self._compare_all()
                    compare_at = time.monotonic() + COMPARE_EVERY
                await self._index_changes()
            except DatabaseError:
                log.exception("the index of chats could not follow; searches go on without what it lacks")
                await asyncio.sleep(30)
            try:
                await asyncio.wait_for(self._wake.wait(), max(compare_at - time.monotonic(), 1.0))
            except TimeoutError:
                continue
            await asyncio.sleep(PATIENCE)
            self._wake.clear()

    async def _compare_all(self) -> None:
        """Bring the whole index to where the chats are."""
        stamp = self._db.get_change_stamp()
        if self._index.compared_at is not None and stamp is not None and stamp == self._stamp:
            return
        began = int(time.time()) - SLACK
        started = time.monotonic()
        written = 0
        after = ""
        while steps := await self._index.compare_next(after, COMPARED):
            after = steps[-1].id
            stale = [step.id for step in steps if step.stale]
            for start in range(0, len(stale), WRITTEN):
                await self._index.index_chats(stale[start : start + WRITTEN])
                await asyncio.sleep(REST)
            written += len(stale)
        await self._delete_orphans(None)
        self._index.compared_at = began
        self._stamp = stamp
        if written:
            log.info("the index of chats followed %d chats in %.1f s", written, time.monotonic() - started)

    async def _index_changes(self) -> None:
        while waiting := self._index.list_pending(WRITTEN):
            await self._index.index_chats([chat_id for chat_id, _ in waiting])
            self._index.clear_pending(waiting)
            await asyncio.sleep(REST)
        self._sweeping |= self._sweep
        self._sweep.clear()
        while self._sweeping:
            user_id = next(iter(self._sweeping))
            await self._delete_orphans(user_id)
            self._sweeping.discard(user_id)

    async def _delete_orphans(self, user_id: str | None) -> None:
        while gone := await self._index.list_orphan_ids(user_id, COMPARED):
            await self._index.delete_chats(gone)
            await asyncio.sleep(REST)

    @property
    def is_settled(self) -> bool:
        """Whether the index has followed everything that it was told."""
        idle = not (self._index.list_pending(1) or self._sweep or self._sweeping)
        return self._index.compared_at is not None and idle
