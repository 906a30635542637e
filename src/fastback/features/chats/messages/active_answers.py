"""Answers that are being written right now, for a page that opens their chat meanwhile."""

from __future__ import annotations

import msgspec

from fastback.features.chats.document import Document
from fastback.features.chats.store import ChatTitle
from fastback.kit.db import Executor
from fastback.kit.tasks import Tasks


async def list_active_chat_ids(db: Executor, chat_ids: list[str], tasks: Tasks) -> set[str]:
    """Those of the chats in which an answer is being written: something runs, and an answer is not finished."""
    running = tasks.get_running_groups().intersection(chat_ids)
    if not running:
        return set()
    text = """SELECT DISTINCT chat_id FROM chat_message
        WHERE chat_id = ANY(:ids) AND role = 'assistant' AND done = FALSE"""
    return set(await db.fetch_all(str, "chats.unfinished", text, ids=list(running)))


async def mark_active_chats(db: Executor, chats: list[ChatTitle], tasks: Tasks) -> list[ChatTitle]:
    """The same entries, told which of them are active."""
    found = await list_active_chat_ids(db, [chat.id for chat in chats], tasks)
    for chat in chats:
        chat.active = chat.id in found
    return chats


class UnfinishedAnswer(msgspec.Struct):
    id: str
    content: msgspec.Raw
    output: msgspec.Raw
    status_history: msgspec.Raw


async def overlay_unfinished_answers(db: Executor, chat_id: str, document: Document) -> None:
    """Put what the rows of unfinished answers hold into the document."""
    rows = await db.fetch_all(
        UnfinishedAnswer,
        "chats.growing",
        """SELECT id, content, output, status_history FROM chat_message
           WHERE chat_id = :chat_id AND role = 'assistant' AND done = FALSE""",
        chat_id=chat_id,
    )
    for row in rows:
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
