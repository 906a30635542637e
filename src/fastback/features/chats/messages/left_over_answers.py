"""Answers that a stopped process left unfinished: each gets its end, with the text that its row has.

While an answer streams, only its row is updated (see `turn_store`); where the process is killed, the document of the
chat lacks the answer's text, and both lack its end.
"""

from __future__ import annotations

from typing import Any

from fastback.features.chats.document import Document, Message
from fastback.features.chats.messages import answer_store, turn_store
from fastback.features.chats.messages.answer_store import AnswerId
from fastback.features.chats.messages.tool_calls import UNDECIDED
from fastback.kit.db import Database

#: The error of an answer whose process has ended before it.
INTERRUPTED = {"content": "The server stopped before this answer was complete."}


async def finish_answer(db: Database, answer_id: AnswerId, fields: Message) -> Message | None:
    """Mark an answer that no task writes any more as done, and return its message; None if it is done already.

    Its text, output and statuses are those of its row. What is still in progress in it is incomplete, and calls that
    wait for a decision are rejected. `fields` are set besides.
    """
    row = await answer_store.find_unfinished_answer(db, answer_id.row_id)
    if row is None:
        return None
    patch: Message = {"done": True, **fields}
    if row.content:
        patch["content"] = row.content
    if isinstance(row.output, list):
        patch["content"] = row.content or ""
        patch["output"] = [end_item(item) for item in row.output]
    if isinstance(row.status_history, list) and row.status_history:
        patch["statusHistory"] = row.status_history
    chat_id, message_id = answer_id.chat_id, answer_id.message_id

    def edit(document: Document) -> Message | None:
        return None if document.find_message(message_id) is None else document.upsert_message(message_id, patch)

    message = await turn_store.edit_message(db, chat_id, message_id, edit, touch=False, repair=False)
    if message is None:
        await answer_store.set_done(db, answer_id.row_id)  # its chat or message was deleted
    return message


def end_item(item: Any) -> Any:
    """Return an output item as it stays."""
    if not isinstance(item, dict):
        return item
    if item.get("type") == "function_call" and item.get("status") in UNDECIDED:
        return {**{key: value for key, value in item.items() if key != "approved"}, "status": "rejected"}
    return {**item, "status": "incomplete"} if item.get("status") == "in_progress" else item


def awaits_decision(output: Any) -> bool:
    """Return whether an answer waits for a decision on a tool call, as it may for days."""
    return isinstance(output, list) and any(
        isinstance(item, dict) and item.get("type") == "function_call" and item.get("status") in UNDECIDED
        for item in output
    )
