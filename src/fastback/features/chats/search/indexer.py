"""Updates the search index of chats in the background, in small steps."""

from __future__ import annotations

import asyncio
import logging
import time

from fastback.access.events import UserDeleted
from fastback.features.chats.events import ChatDeleted, ChatWritten
from fastback.features.chats.search.index import SearchIndex
from fastback.kit.bus import Bus
from fastback.kit.clock import clock
from fastback.kit.cluster import Cluster, hold_lease
from fastback.kit.db import Database, DatabaseError
from fastback.kit.outages import choose_log_level

log = logging.getLogger("fastback.search")

#: Seconds between a change and its indexing: a chat in use changes several times in a row.
PATIENCE = 1.0
#: Seconds before the first comparison, so that it does not slow down the start of the server.
PAUSE_AT_START = 1.0
#: Seconds before the index is retried after a failure.
RETRY_SECONDS = 30
#: Seconds between comparisons of the whole index with the chats, for changes by other programs that set no time.
COMPARE_EVERY = 3600.0
#: Seconds after which a comparison is tried again that another process makes, and those of a process that has died end.
RETRY_COMPARISON, LEASE_SECONDS = 5.0, 60.0
#: Chats compared in one statement, and indexed in one transaction.
COMPARED, WRITTEN = 500, 16
#: Seconds of pause after each transaction, so that a long run leaves processor time to requests.
REST = 0.005
#: Seconds by which clocks and open transactions of other programs may lag behind.
SLACK = 30


class ChatIndexer:
    """Indexes chats that change, and compares the whole index with the chats at the start and every hour."""

    def __init__(self, *, index: SearchIndex, db: Database, bus: Bus, cluster: Cluster) -> None:
        self._index = index
        self._db = db
        self._cluster = cluster
        self._wake = asyncio.Event()
        self._sweep: set[str] = set()
        self._sweeping: set[str] = set()
        self._stamp: int | None = None
        bus.subscribe(ChatWritten, lambda event: self.mark_changed(event.chat_id))
        bus.subscribe(ChatDeleted, self._on_chat_deleted)
        bus.subscribe(UserDeleted, self._on_user_deleted)

    def mark_changed(self, chat_id: str) -> None:
        """Schedule the indexing of a changed chat."""
        self._index.mark_changed(chat_id)
        self._wake.set()

    def _on_chat_deleted(self, event: ChatDeleted) -> None:
        # Other chats may be deleted with it.
        self._sweep.add(event.user_id)
        self._wake.set()

    def _on_user_deleted(self, event: UserDeleted) -> None:
        self._sweep.add(event.user_id)
        self._wake.set()

    async def run(self) -> None:
        """Run until cancelled."""
        try:
            await self._open_index()
            await asyncio.sleep(PAUSE_AT_START)
            if self._index.ready:
                await self._run_loop()
            await asyncio.Event().wait()
        finally:
            await self._index.tables.close()

    async def _open_index(self) -> None:
        while True:
            try:
                await self._index.open()
                return
            except DatabaseError as error:
                text = f"opening the search index failed, retrying in {RETRY_SECONDS} s"
                log.log(choose_log_level(error), text, exc_info=error)
            await asyncio.sleep(RETRY_SECONDS)

    async def _run_loop(self) -> None:
        compare_at = 0.0
        while True:
            try:
                if time.monotonic() >= compare_at:
                    is_compared = await self._compare_alone()
                    compare_at = time.monotonic() + (COMPARE_EVERY if is_compared else RETRY_COMPARISON)
                await self._index_changes()
            except DatabaseError as error:
                text = (
                    f"indexing chats failed, retrying in {RETRY_SECONDS} s; searches read the missing chats themselves"
                )
                log.log(choose_log_level(error), text, exc_info=error)
                await asyncio.sleep(RETRY_SECONDS)
            try:
                await asyncio.wait_for(self._wake.wait(), max(compare_at - time.monotonic(), 1.0))
            except TimeoutError:
                continue
            await asyncio.sleep(PATIENCE)
            self._wake.clear()

    async def _compare_alone(self) -> bool:
        """Compare the whole index, unless another process does: later, that finds less to do. Return whether it did."""
        async with hold_lease(self._cluster, "chats:index", seconds=LEASE_SECONDS) as lease:
            if lease is not None:
                await self._compare_all()
        return lease is not None

    async def _compare_all(self) -> None:
        """Compare all chats with the index, and index the outdated ones."""
        stamp = self._db.get_change_stamp()
        if self._index.compared_at is not None and stamp is not None and stamp == self._stamp:
            return
        compared_at = int(clock.time()) - SLACK
        started_at = time.monotonic()
        indexed_count = 0
        last_id = ""
        while chats := await self._index.compare_next(last_id, COMPARED):
            last_id = chats[-1].id
            stale_ids = [chat.id for chat in chats if chat.stale]
            for start in range(0, len(stale_ids), WRITTEN):
                await self._index.index_chats(stale_ids[start : start + WRITTEN])
                await asyncio.sleep(REST)
            indexed_count += len(stale_ids)
        await self._delete_orphans(None)
        self._index.compared_at = compared_at
        self._stamp = stamp
        if indexed_count:
            log.info("indexed %d outdated chats in %.1f s", indexed_count, time.monotonic() - started_at)

    async def _index_changes(self) -> None:
        while pending := self._index.list_pending(WRITTEN):
            await self._index.index_chats([chat_id for chat_id, _ in pending])
            self._index.clear_pending(pending)
            await asyncio.sleep(REST)
        self._sweeping |= self._sweep
        self._sweep.clear()
        while self._sweeping:
            user_id = next(iter(self._sweeping))
            await self._delete_orphans(user_id)
            self._sweeping.discard(user_id)

    async def _delete_orphans(self, user_id: str | None) -> None:
        while orphan_ids := await self._index.list_orphan_ids(user_id, COMPARED):
            await self._index.delete_chats(orphan_ids)
            await asyncio.sleep(REST)

    @property
    def is_settled(self) -> bool:
        """Whether the index contains every change that was reported."""
        idle = not (self._index.list_pending(1) or self._sweep or self._sweeping)
        return self._index.compared_at is not None and idle
