"""Answers in progress: mark their chats in lists, and show their latest text in an opened chat."""

from __future__ import annotations

import msgspec

from fastback.features.chats.document import Document
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


async def overlay_unfinished_answers(db: Executor, chat_id: str, document: Document) -> None:
    """Replace the document's unfinished answers with their latest stored text, output and status history."""
    for row in await answer_store.load_unfinished_answers(db, chat_id):
        message_id = row.id.removeprefix(f"{chat_id}-")
        message = document.find_message(message_id)
        if message is None:
            continue
        if bytes(row.output) != b"null":
            message["content"] = msgspec.json.decode(row.content) or ""
            message["output"] = msgspec.json.decode(row.output)
        if bytes(row.status_history) != b"null":
            message["statusHistory"] = msgspec.json.decode(row.status_history)
        document.put_message(message_id, message)
