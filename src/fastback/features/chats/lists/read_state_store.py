"""The read state of a user's chats: when each was read last, and the numbers of unread chats by folder."""

from __future__ import annotations

import time

import msgspec

from fastback.kit.db import Database, Executor


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
_COUNT_UNREAD = """
    SELECT f.id, f.parent_id, (
        SELECT count(*) FROM chat c
        WHERE c.user_id = f.user_id AND c.folder_id = f.id AND c.archived = FALSE
          AND c.updated_at > COALESCE(c.last_read_at, 0)
          AND NOT EXISTS (SELECT 1 FROM chat_message m
                          WHERE m.chat_id = c.id AND m.role = 'assistant' AND m.done = FALSE))
    FROM folder f WHERE f.user_id = :user_id"""
#: In the order of creation of the folders. Times are seconds, so SQLite orders by its row numbers.
COUNT_UNREAD = {
    "sqlite": f"{_COUNT_UNREAD} ORDER BY f.rowid",
    "postgres": f"{_COUNT_UNREAD} ORDER BY f.created_at, f.id",
}


async def mark_chat_read(db: Database, chat_id: str, user_id: str) -> ReadMark | None:
    """Mark a user's chat as read now; return None if the user does not own it."""
    times = await db.fetch_first(_ReadTimes, "chats.find_read_times", FIND_READ_TIMES, id=chat_id, user_id=user_id)
    if times is None:
        return None
    now = int(time.time())
    await db.execute("chats.mark_read", MARK_READ, id=chat_id, now=now)
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
