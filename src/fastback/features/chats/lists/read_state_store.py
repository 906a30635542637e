"""What of a user's chats has been read: marks by chat, counts by folder."""

from __future__ import annotations

import time

import msgspec

from fastback.kit.db import Database, Executor


class ReadMark(msgspec.Struct):
    at: int
    was_unread: bool


class _Marks(msgspec.Struct):
    updated_at: int
    last_read_at: int | None


async def mark_chat_read(db: Database, chat_id: str, user_id: str) -> ReadMark | None:
    """Mark a chat of the user as read now; None when it is not theirs."""
    row = await db.fetch_first(
        _Marks,
        "chats.marks",
        "SELECT updated_at, last_read_at FROM chat WHERE id = :id AND user_id = :user_id",
        id=chat_id,
        user_id=user_id,
    )
    if row is None:
        return None
    now = int(time.time())
    await db.execute("chats.mark_read", "UPDATE chat SET last_read_at = :now WHERE id = :id", id=chat_id, now=now)
    return ReadMark(now, row.updated_at > (row.last_read_at or 0))


class _UnreadFolder(msgspec.Struct):
    id: str
    parent_id: str | None
    unread: int


_UNREAD = """
    SELECT f.id, f.parent_id, (
        SELECT count(*) FROM chat c
        WHERE c.user_id = f.user_id AND c.folder_id = f.id AND c.archived = FALSE
          AND c.updated_at > COALESCE(c.last_read_at, 0)
          AND NOT EXISTS (SELECT 1 FROM chat_message m
                          WHERE m.chat_id = c.id AND m.role = 'assistant' AND m.done = FALSE))
    FROM folder f WHERE f.user_id = :user_id ORDER BY {order}"""

#: The order in which they were made; times are seconds, so SQLite tells by its rows.
_MADE = {"sqlite": "f.rowid", "postgres": "f.created_at, f.id"}


async def count_unread_by_folder(db: Executor, user_id: str) -> dict[str, int]:
    """Unread chats in each folder of a user, those in folders below it included."""
    rows = await db.fetch_all(
        _UnreadFolder, "chats.unread_by_folder", _UNREAD.format(order=_MADE[db.dialect]), user_id=user_id
    )
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
