"""Sums over answers, kept in a file of their own beside SQLite's database: for questions about all time.

A sitting is what one model answered one user in one chat within a quarter of an hour. What changed is found by the time
of the change, by whatever program; what was deleted by the number of messages. Nothing is kept until somebody has asked
once, and before each answer what changed since is brought up.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import msgspec

from fastback.features.analytics.message_columns import CHANGED, EARLIEST, MILLISECONDS_FROM, TOKENS
from fastback.features.chats.events import ChatDeleted
from fastback.kit.bus import Bus
from fastback.kit.db import Database, DatabaseError, indexes
from fastback.kit.db.derived_tables import DerivedTables, TableChange, TablesDesign, make_derived_tables

log = logging.getLogger("fastback.analytics")

#: How long a sitting lasts at most (seconds). Local days begin at a multiple of this in any time zone.
WIDTH = 900
#: Messages may be written so many seconds after the time that they bear.
_LATE = 120
#: So many chats are summed up in one transaction: what it needs in memory does not depend on how many there are.
_AT_ONCE = 2000
#: With more chats to sum up than these nobody waits for them.
_MOST_TO_WAIT = 20 * _AT_ONCE
_SECONDS = f"CASE WHEN m.created_at > {MILLISECONDS_FROM} THEN m.created_at / 1000 ELSE m.created_at END"
#: A sitting's number; -1: of no time at all, which counts as now.
SLOT = f"CASE WHEN {_SECONDS} >= {EARLIEST} THEN ({_SECONDS}) / {WIDTH} ELSE -1 END"

_TABLES = (
    "CREATE TABLE IF NOT EXISTS chat (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, messages INT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS model (id INTEGER PRIMARY KEY, text TEXT UNIQUE)",
    "CREATE TABLE IF NOT EXISTS user (id INTEGER PRIMARY KEY, text TEXT UNIQUE)",
    # What nobody asked, or no model answered, has the number 0.
    "INSERT OR IGNORE INTO model (id, text) VALUES (0, NULL)",
    "INSERT OR IGNORE INTO user (id, text) VALUES (0, NULL)",
    """CREATE TABLE IF NOT EXISTS sitting (chat INT NOT NULL, slot INT NOT NULL, model INT NOT NULL, user INT NOT NULL,
        n INT NOT NULL, i INT NOT NULL, o INT NOT NULL, first INT, last INT,
        PRIMARY KEY (chat, slot, model, user)) WITHOUT ROWID""",
    # Each sum over all time goes through one of these, in order, with nothing to sort.
    "CREATE INDEX IF NOT EXISTS by_slot ON sitting (slot, model, n, i, o)",
    "CREATE INDEX IF NOT EXISTS by_model ON sitting (model, chat, user, n, i, o)",
    "CREATE INDEX IF NOT EXISTS by_user ON sitting (user, model, n, i, o)",
    "CREATE TABLE IF NOT EXISTS stale (text TEXT PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS state (id INT PRIMARY KEY, mark INT NOT NULL)",
    "INSERT OR IGNORE INTO state VALUES (0, 0)",
)
_DESIGN = TablesDesign(name="usage", version=1, tables={"sqlite": _TABLES})

_GIVEN, _MADE = (one.replace("usage", "m.usage") for one in TOKENS["sqlite"])
_CHUNK = f"(SELECT text FROM stale ORDER BY text LIMIT {_AT_ONCE})"
_CHUNK_IDS = f"(SELECT id FROM chat WHERE text IN {_CHUNK})"
_MESSAGES = "main_database.chat_message m"
#: Sums up some stale chats anew.
_SUM_UP = (
    f"""INSERT OR IGNORE INTO model (text) SELECT m.model_id FROM {_MESSAGES}
        WHERE m.chat_id IN {_CHUNK} AND m.role = 'assistant' AND m.model_id IS NOT NULL""",
    f"""INSERT OR IGNORE INTO user (text) SELECT m.user_id FROM {_MESSAGES}
        WHERE m.chat_id IN {_CHUNK} AND m.role = 'assistant' AND m.user_id IS NOT NULL""",
    f"INSERT OR IGNORE INTO chat (text, messages) SELECT text, 0 FROM {_CHUNK}",
    f"DELETE FROM sitting WHERE chat IN {_CHUNK_IDS}",
    f"""INSERT INTO sitting
        SELECT c.id, {SLOT} AS slot, COALESCE(a.id, 0) AS model, COALESCE(u.id, 0) AS user, count(*),
            COALESCE(sum({_GIVEN}), 0), COALESCE(sum({_MADE}), 0),
            min(m.created_at), max(m.created_at)
        FROM {_CHUNK} s JOIN chat c ON c.text = s.text JOIN {_MESSAGES} ON m.chat_id = s.text
        LEFT JOIN model a ON a.text = m.model_id LEFT JOIN user u ON u.text = m.user_id
        WHERE m.role = 'assistant' GROUP BY c.id, slot, model, user""",
    f"""UPDATE chat SET messages = (SELECT count(*) FROM {_MESSAGES} WHERE m.chat_id = chat.text)
        WHERE text IN {_CHUNK}""",
    f"DELETE FROM chat WHERE messages = 0 AND text IN {_CHUNK}",
    f"DELETE FROM stale WHERE text IN {_CHUNK}",
)
_FIND_CHANGED = (
    f"""INSERT OR IGNORE INTO stale SELECT m.chat_id FROM main_database.chat_message m INDEXED BY {CHANGED.name}
        WHERE m.updated_at >= (SELECT mark FROM state)""",
    "UPDATE state SET mark = :mark",
)
#: Finds chats of which messages came or went unseen.
_FIND_MISCOUNTED = f"""
    INSERT OR IGNORE INTO stale
    SELECT COALESCE(f.chat_id, c.text) FROM (SELECT m.chat_id, count(*) AS n FROM {_MESSAGES} GROUP BY m.chat_id) f
    FULL JOIN chat c ON c.text = f.chat_id WHERE f.n IS NOT c.messages"""
_COUNTS = f"""SELECT (SELECT count(*) FROM stale), (SELECT COALESCE(sum(messages), 0) FROM chat),
    (SELECT count(*) FROM {_MESSAGES})"""


class _Counts(msgspec.Struct):
    stale: int
    known: int
    there: int


class Rollup:
    """Keeps the sittings of an SQLite database right."""

    def __init__(self, db: Database, bus: Bus) -> None:
        self._db = db
        self._tables: DerivedTables | None = None
        self._lock = asyncio.Lock()
        self._stamp: int | None = None
        self._broken = False
        self._filling: asyncio.Task[None] | None = None
        #: Chats that were deleted here since.
        self._gone: set[str] = set()
        bus.subscribe(ChatDeleted, self._deleted)

    def _deleted(self, event: ChatDeleted) -> None:
        if self._tables is not None:
            self._gone.add(event.chat_id)

    async def find_tables(self) -> DerivedTables | None:
        """The tables, as right as the database stands now; None while they are made, or cannot be."""
        if self._broken or (self._filling is not None and not self._filling.done()):
            return None
        try:
            return await self._right()
        except DatabaseError:
            # A directory that nobody may write to, say: messages answer as well.
            log.exception("sums about long times are read from messages")
            self._broken = True
            return None

    async def _right(self) -> DerivedTables | None:
        async with self._lock:
            if self._tables is None:
                await indexes.ensure_index(self._db, CHANGED)
                self._tables = make_derived_tables(self._db, _DESIGN)
                await self._tables.open()
            stamp = self._db.get_change_stamp()
            if stamp is None or stamp != self._stamp or self._gone:
                if await self._changed(self._tables) > _MOST_TO_WAIT:
                    self._filling = asyncio.create_task(self._fill(self._tables))
                    return None
                await self._catch_up(self._tables)
                self._stamp = stamp
            return self._tables

    async def _fill(self, tables: DerivedTables) -> None:
        async with self._lock:
            try:
                await self._catch_up(tables)
            except DatabaseError:
                log.exception("sums about long times are read from messages")
                self._broken = True

    async def _counts(self, tables: DerivedTables) -> _Counts:
        return (await tables.fetch_all_in_thread(_Counts, "usage.counts", _COUNTS))[0]

    async def _changed(self, tables: DerivedTables) -> int:
        """Note which chats changed; how many are to be summed up."""
        gone, self._gone = self._gone, set()
        changes = [TableChange("usage.gone", "INSERT OR IGNORE INTO stale VALUES (:id)", {"id": one}) for one in gone]
        mark = {"mark": int(time.time()) - _LATE}
        changes += [_change("changed", text, mark if ":mark" in text else {}) for text in _FIND_CHANGED]
        await tables.apply_changes(changes)
        return (await self._counts(tables)).stale

    async def _catch_up(self, tables: DerivedTables) -> None:
        """Sum up what is stale; where the numbers of messages then differ, find out whose."""
        for attempt in range(3):
            counts = await self._counts(tables)
            while counts.stale:
                await tables.apply_changes([_change("sum", text) for text in _SUM_UP])
                counts = await self._counts(tables)
            if counts.known == counts.there or attempt == 2:
                return
            await tables.apply_changes([_change("miscounted", _FIND_MISCOUNTED)])

    async def close(self) -> None:
        if self._filling is not None:
            self._filling.cancel()
        if self._tables is not None:
            await self._tables.close()


def _change(name: str, text: str, params: dict[str, Any] | None = None) -> TableChange:
    return TableChange(f"usage.{name}.{hash(text) & 0xFFFFFF:x}", text, params or {})
