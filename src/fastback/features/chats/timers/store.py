"""Chats that are timers. `chat.timer_at` is when a timer is due, in nanoseconds, and NULL once nothing is to be done.

`meta` has the format of Open WebUI: `parent_chat_id`, `status` (`pending`, `running`, `completed`, `cancelled` or
`error`), `cancel_on`, `timer_task_message_id` (the message with the prompt), and `run`, the choices of the turn that
has set the timer. A timer that is `running` here keeps a later `timer_at`: it is due again if its process is killed.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.features.chats import store as chats_store
from fastback.features.chats.messages import store as message_store
from fastback.kit.clock import clock
from fastback.kit.db import Database, Executor
from fastback.kit.storable_text import encode_json, encode_storable

Meta = dict[str, Any]

FIND_NEXT_DUE = "SELECT timer_at FROM chat WHERE timer_at IS NOT NULL ORDER BY timer_at LIMIT 1"
LIST_DUE = """
    SELECT id, timer_at FROM chat WHERE timer_at IS NOT NULL AND timer_at <= :now ORDER BY timer_at LIMIT :limit"""
FIND_TIMER = "SELECT id, user_id, meta, timer_at FROM chat WHERE id = :id"
LIST_WAITING = "SELECT id, user_id, meta, timer_at FROM chat WHERE user_id = :user_id AND timer_at IS NOT NULL"
COUNT_WAITING = "SELECT count(*) FROM chat WHERE user_id = :user_id AND timer_at IS NOT NULL"
SET_DUE = "UPDATE chat SET timer_at = :due_at WHERE id = :id"
CHANGE_TIMER = """
    UPDATE chat SET meta = :meta, timer_at = :due_at, updated_at = :now WHERE id = :id AND timer_at = :expected"""


class DueTimer(msgspec.Struct):
    """The chat of a timer that is due, and since when."""

    id: str
    timer_at: int


class Timer(msgspec.Struct):
    """A timer; `meta` is None where it is malformed."""

    id: str
    user_id: str
    meta: dict[str, Any] | None
    timer_at: int | None


async def find_next_due(db: Executor) -> int | None:
    """Return when the next timer is due, or None."""
    due_at = await db.fetch_value("timers.find_next_due", FIND_NEXT_DUE)
    return None if due_at is None else int(due_at)


async def list_due(db: Executor, now: int, limit: int) -> list[DueTimer]:
    """Return timers that are due, longest first."""
    return await db.fetch_all(DueTimer, "timers.list_due", LIST_DUE, now=now, limit=limit)


async def find_timer(db: Executor, chat_id: str) -> Timer | None:
    """Return a timer, or None."""
    return await db.fetch_first(Timer, "timers.find", FIND_TIMER, id=chat_id)


async def list_waiting(db: Executor, user_id: str) -> list[Timer]:
    """Return the timers of a user that have not gone off."""
    return await db.fetch_all(Timer, "timers.list_waiting", LIST_WAITING, user_id=user_id)


async def count_waiting(db: Executor, user_id: str) -> int:
    """Count the timers of a user that have not gone off."""
    return int(await db.fetch_value("timers.count_waiting", COUNT_WAITING, user_id=user_id) or 0)


async def insert_timer(db: Database, chat_id: str, user_id: str, document: dict[str, Any], meta: Meta) -> None:
    """Insert the chat of a timer, which is due at `meta["timer_at"]`."""
    now = int(clock.time())
    history = document["history"]
    async with db.transaction() as tx:
        await chats_store.insert_chat(
            tx,
            id=chat_id,
            user_id=user_id,
            title=document["title"],
            document=msgspec.Raw(encode_storable(document)),
            created_at=now,
            updated_at=now,
            archived=False,
            pinned=False,
            meta=encode_json(meta),
            variables="{}",
            folder_id=None,
            current_id=history["currentId"],
            now=now,
        )
        await message_store.upsert_messages(tx, chat_id, user_id, history["messages"])
        await tx.execute("timers.set_due", SET_DUE, id=chat_id, due_at=meta["timer_at"])


async def change_timer(db: Executor, timer: Timer, changes: Meta, due_at: int | None = None) -> bool:
    """Change the metadata of a timer, and when it is due; return False where another process has changed it."""
    changed = await db.execute(
        "timers.change",
        CHANGE_TIMER,
        id=timer.id,
        meta=encode_json({**(timer.meta or {}), **changes}),
        due_at=due_at,
        expected=timer.timer_at,
        now=int(clock.time()),
    )
    return changed > 0
