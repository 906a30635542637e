"""Cancel timers when their chat is read, or asked again by its user."""

from __future__ import annotations

import logging

import msgspec

from fastback.features.chats.timers import store
from fastback.kit.clock import clock
from fastback.kit.db import Database, DatabaseError

log = logging.getLogger("fastback.chats")

READ, USER_MESSAGE = "chat.read", "chat.user_message"


async def cancel_timers(db: Database, chat_id: str, user_id: str, event: str) -> None:
    """Cancel the timers of a user in a chat that an event (`chat.read` or `chat.user_message`) is to cancel.

    Where the database fails, or a row is malformed, the timers stay.
    """
    try:
        await _cancel_waiting(db, chat_id, user_id, event)
    except (DatabaseError, msgspec.MsgspecError) as error:
        log.warning("cancelling the timers of chat %s failed: %s", chat_id, error)


async def _cancel_waiting(db: Database, chat_id: str, user_id: str, event: str) -> None:
    for timer in await store.list_waiting(db, user_id):
        meta = timer.meta or {}
        is_meant = meta.get("parent_chat_id") == chat_id and meta.get("status") == "pending"
        if is_meant and event in (meta.get("cancel_on") or []):
            changes = {"status": "cancelled", "timer_cancelled_at": clock.time_ns(), "timer_cancelled_by": event}
            await store.change_timer(db, timer, changes)
