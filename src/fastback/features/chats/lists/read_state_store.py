"""The read state of a user's chats: when each was read last, and the numbers of unread chats by folder."""

from __future__ import annotations

import msgspec

from fastback.features.chats.fragments import DOCUMENT, IS_WAITING, NO_INDEX
from fastback.kit.clock import clock
from fastback.kit.db import Database, Executor
from fastback.kit.db.database import Dialect
from fastback.kit.db.large_column import change_row, fetch_row


class ReadMark(msgspec.Struct):
    """When a chat was marked as read (seconds), and whether it was unread before."""

    at: int
    was_unread: bool


class _ReadTimes(msgspec.Struct):
    updated_at: int
    last_read_at: int | None


class _UnreadFolder(msgspec.Struct):
    id: str
    parent_id: str | None
    unread: int


FIND_READ_TIMES = "SELECT updated_at, last_read_at FROM chat WHERE id = :id AND user_id = :user_id"
MARK_READ = "UPDATE chat SET last_read_at = :now WHERE id = :id"
#: The folders are in the order of their creation. Times are seconds, so SQLite orders by its row numbers.
_CREATION_ORDER: dict[Dialect, str] = {"sqlite": "f.rowid", "postgres": "f.created_at, f.id"}
#: Only unread chats are read, whatever else is in the folders.
COUNT_UNREAD = {
    dialect: f"""
        SELECT f.id, f.parent_id, COALESCE(unread.chats, 0) FROM folder f LEFT JOIN (
            SELECT c.folder_id, count(*) AS chats FROM chat c
            WHERE c.user_id = :user_id AND {no_index}c.archived = FALSE AND c.folder_id IS NOT NULL AND {IS_WAITING}
            GROUP BY c.folder_id) unread ON unread.folder_id = f.id
        WHERE f.user_id = :user_id ORDER BY {_CREATION_ORDER[dialect]}"""
    for dialect, no_index in NO_INDEX.items()
}


async def mark_chat_read(db: Database, chat_id: str, user_id: str) -> ReadMark | None:
    """Mark a user's chat as read now; return None if the user does not own it."""
    params = {"id": chat_id, "user_id": user_id}
    times = await fetch_row(db, DOCUMENT, _ReadTimes, "chats.find_read_times", FIND_READ_TIMES, **params)
    if times is None:
        return None
    now = int(clock.time())
    await change_row(db, DOCUMENT, "chats.mark_read", MARK_READ, id=chat_id, now=now)
    return ReadMark(now, times.updated_at > (times.last_read_at or 0))


async def count_unread_by_folder(db: Executor, user_id: str) -> dict[str, int]:
    """Return folder id → the number of a user's unread chats in it and in the folders below it."""
    rows = await db.fetch_all(_UnreadFolder, "chats.count_unread", COUNT_UNREAD[db.dialect], user_id=user_id)
    parents = {row.id: row.parent_id for row in rows}
    counts = {row.id: 0 for row in rows}
    for row in rows:
        current: str | None = row.id
        seen: set[str] = set()
        while row.unread and current in counts and current not in seen:
            seen.add(current)
            counts[current] += row.unread
            current = parents.get(current)
    return counts
