"""Answers in progress: mark their chats in lists."""

from __future__ import annotations

from fastback.features.chats.messages import answer_store
from fastback.features.chats.store import ChatTitle
from fastback.kit.db import Executor
from fastback.kit.tasks import Tasks


async def list_active_chat_ids(db: Executor, chat_ids: list[str], tasks: Tasks) -> set[str]:
    """Return the chats that have a running task and an unfinished answer."""
    running_ids = tasks.get_running_groups().intersection(chat_ids)
    if not running_ids:
        return set()
    return set(await answer_store.list_unfinished_chat_ids(db, list(running_ids)))


async def mark_active_chats(db: Executor, chats: list[ChatTitle], tasks: Tasks) -> None:
    """Set `active` on each chat, in place."""
    active_ids = await list_active_chat_ids(db, [chat.id for chat in chats], tasks)
    for chat in chats:
        chat.active = chat.id in active_ids
