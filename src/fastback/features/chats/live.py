"""Answers that are being written right now, for a page that opens their chat meanwhile."""

from __future__ import annotations

import msgspec

from fastback.features.chats.document import Document
from fastback.kit.db import Executor


class _Growing(msgspec.Struct):
    id: str
    content: msgspec.Raw
    output: msgspec.Raw


async def overlay(db: Executor, chat_id: str, document: Document) -> None:
    """Put what the rows of unfinished answers hold into the document."""
    rows = await db.all(
        _Growing,
        "chats.growing",
        "SELECT id, content, output FROM chat_message WHERE chat_id = :chat_id AND role = 'assistant' AND done = FALSE",
        chat_id=chat_id,
    )
    for row in rows:
        message_id = row.id.removeprefix(f"{chat_id}-")
        message = document.message(message_id)
        if message is None or bytes(row.output) == b"null":
            continue
        message["content"] = msgspec.json.decode(row.content) or ""
        message["output"] = msgspec.json.decode(row.output)
        document.put(message_id, message)
