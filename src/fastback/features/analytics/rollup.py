"""Usage buckets for sums over long times, in derived tables.

Changes, by whatever program, are detected by the messages' time of change, deletions by the number of messages.
Buckets are built at the first request, and updated before each sum. In PostgreSQL a chat is summed up again where a row
has another version than at the last sum. PostgreSQL counts its messages one by one: deletions by other programs may
count some seconds later there.
"""

from __future__ import annotations

import asyncio
import logging
import time

from fastback.features.analytics import rollup_store
from fastback.features.analytics.message_columns import CHANGED
from fastback.features.analytics.rollup_store import CHUNK, DESIGN, Counts, MessageVersion
from fastback.features.chats.events import ChatDeleted
from fastback.kit.bus import Bus
from fastback.kit.db import Database, DatabaseError, indexes
from fastback.kit.db.derived_tables import DerivedTables, TableChange, make_derived_tables
from fastback.kit.db.derived_tables.postgres import SET_PLANNER_OPTIONS_POSTGRES
from fastback.kit.outages import choose_log_level, find_outage

log = logging.getLogger("fastback.analytics")

#: A message may be written this many seconds after its time of change.
_MAX_DELAY = 120
#: With more messages than this that changed lately, their versions are not compared.
_MAX_VERSIONS = 5_000
#: Seconds between two counts of all messages in PostgreSQL.
COUNT_EVERY = 10.0
#: With more stale chats than this, sums are read from messages until the buckets are built.
_MAX_STALE = 20 * CHUNK


class Rollup:
    """Keeps the buckets up to date."""

    def __init__(self, db: Database, bus: Bus) -> None:
        self._db = db
        self._tables: DerivedTables | None = None
        self._lock = asyncio.Lock()
        #: The change stamp of the database at the last update.
        self._stamp: int | None = None
        #: The time since which changes are looked for, and the versions of the messages since then at the last update.
        self._mark: int | None = None
        self._versions: set[MessageVersion] | None = None
        self._counted_at = -COUNT_EVERY
        self._is_broken = False
        self._filling: asyncio.Task[None] | None = None
        #: Chats that Fastback deleted since the last update.
        self._deleted_chats: set[str] = set()
        bus.subscribe(ChatDeleted, self._add_deleted_chat, elsewhere=True)

    def _add_deleted_chat(self, event: ChatDeleted) -> None:
        if self._tables is not None:
            self._deleted_chats.add(event.chat_id)

    async def find_tables(self) -> DerivedTables | None:
        """Return the tables, up to date; None while they are being built, or where they cannot be built."""
        if self._is_broken or (self._filling is not None and not self._filling.done()):
            return None
        try:
            return await self._update_tables()
        except DatabaseError as error:
            self._handle_failure(error)
            return None

    def _handle_failure(self, error: DatabaseError) -> None:
        """Retry at the next sum after an outage; never after another error, for example in a read-only directory."""
        self._is_broken = find_outage(error) is None
        text = "building usage buckets failed, sums over long times are read from messages"
        log.log(choose_log_level(error), text, exc_info=error)

    async def _update_tables(self) -> DerivedTables | None:
        async with self._lock:
            if self._tables is None:
                await indexes.ensure_index(self._db, CHANGED)
                self._tables = await self._open_tables()
            stamp = self._db.get_change_stamp()
            if stamp is None or stamp != self._stamp or self._deleted_chats:
                versions = await self._list_recent_versions()
                stale_count = await self._mark_stale_chats(self._tables, versions)
                if stale_count > _MAX_STALE:
                    self._filling = asyncio.create_task(self._fill_tables(self._tables))
                    return None
                if stale_count or self._must_count():
                    await self._sum_up_stale_chats(self._tables)
                self._stamp = stamp
                self._versions = versions
            return self._tables

    async def _open_tables(self) -> DerivedTables:
        tables = make_derived_tables(self._db, DESIGN)
        try:
            await tables.open()
        except BaseException:
            await tables.close()
            raise
        return tables

    async def _fill_tables(self, tables: DerivedTables) -> None:
        async with self._lock:
            try:
                await self._sum_up_stale_chats(tables)
            except DatabaseError as error:
                self._handle_failure(error)

    def _must_count(self) -> bool:
        """Return whether messages may have been deleted unnoticed."""
        return self._db.dialect == "sqlite" or time.monotonic() - self._counted_at >= COUNT_EVERY

    async def _apply_changes(self, tables: DerivedTables, changes: list[TableChange]) -> None:
        if tables.dialect == "postgres":
            changes = [
                TableChange("usage.lock", rollup_store.LOCK_POSTGRES, {}),
                # A few of many chats are changed: without this, PostgreSQL scans whole tables for them.
                TableChange("usage.set_planner_options", SET_PLANNER_OPTIONS_POSTGRES, {}),
                *changes,
            ]
        await tables.apply_changes(changes)

    async def _count_stale(self, tables: DerivedTables) -> int:
        return (await tables.fetch_all_in_thread(int, "usage.count_stale", rollup_store.COUNT_STALE))[0]

    async def _list_recent_versions(self) -> set[MessageVersion] | None:
        """Return the versions of the messages that changed lately; None for too many of them, and in SQLite."""
        if self._db.dialect != "postgres":
            return None
        since = int(time.time()) - _MAX_DELAY if self._mark is None else self._mark
        text, limit = rollup_store.LIST_RECENT_VERSIONS_POSTGRES, _MAX_VERSIONS + 1
        rows = await self._db.fetch_all_in_thread(
            MessageVersion, "usage.list_recent_versions", text, since=since, limit=limit
        )
        return set(rows) if len(rows) < limit else None

    async def _mark_stale_chats(self, tables: DerivedTables, versions: set[MessageVersion] | None) -> int:
        """Mark the changed and deleted chats as stale, and return the number of stale chats."""
        deleted, self._deleted_chats = self._deleted_chats, set()
        changes = [TableChange("usage.mark_chat", rollup_store.MARK_CHAT_STALE, {"id": chat_id}) for chat_id in deleted]
        mark = int(time.time()) - _MAX_DELAY
        if versions is None or self._versions is None or self._mark is None:
            changes.append(TableChange("usage.mark_changed", rollup_store.MARK_CHANGED_STALE[tables.dialect], {}))
        elif chat_ids := {message.chat_id for message in versions - self._versions}:
            text = rollup_store.MARK_CHATS_STALE_POSTGRES
            changes.append(TableChange("usage.mark_chats", text, {"ids": list(chat_ids)}))
        if changes or self._mark is None or mark > self._mark + _MAX_DELAY:
            changes.append(TableChange("usage.set_mark", rollup_store.SET_MARK, {"mark": mark}))
            await self._apply_changes(tables, changes)
            self._mark = mark
        return await self._count_stale(tables)

    async def _sum_up_stale_chats(self, tables: DerivedTables) -> None:
        """Sum up the stale chats; where the numbers of messages still differ, find those chats and repeat."""
        for attempt in range(3):
            while await self._count_stale(tables):
                statements = rollup_store.SUM_UP_STALE[tables.dialect]
                await self._apply_changes(tables, [TableChange(name, text, {}) for name, text in statements.items()])
            if attempt == 2 or not self._must_count():
                return
            counts = (await tables.fetch_all_in_thread(Counts, "usage.get_counts", rollup_store.GET_COUNTS))[0]
            if counts.summed_up == counts.existing:
                self._counted_at = time.monotonic()
                return
            await self._apply_changes(
                tables, [TableChange("usage.mark_miscounted", rollup_store.MARK_MISCOUNTED_STALE, {})]
            )

    async def close(self) -> None:
        """Stop building, and close the tables."""
        if self._filling is not None:
            self._filling.cancel()
        if self._tables is not None:
            await self._tables.close()
