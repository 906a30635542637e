"""Answers that a stopped process left unfinished: each gets its end, with the text that its row has.

While an answer streams, only its row is updated (see `turn_store`); where the process is killed, the document of the
chat lacks the answer's text, and both lack its end.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from fastback.features.chats.document import Document, Message
from fastback.features.chats.messages import answer_store, turn_store
from fastback.features.chats.messages.answer_store import AnswerId
from fastback.features.chats.messages.tool_calls import UNDECIDED
from fastback.kit.db import Database, indexes
from fastback.kit.outages import find_outage
from fastback.kit.tasks import Tasks

log = logging.getLogger("fastback.chats")

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
        patch["output"] = [_end_item(item) for item in row.output]
    if isinstance(row.status_history, list) and row.status_history:
        patch["statusHistory"] = row.status_history
    chat_id, message_id = answer_id.chat_id, answer_id.message_id

    def edit(document: Document) -> Message | None:
        return None if document.find_message(message_id) is None else document.upsert_message(message_id, patch)

    message = await turn_store.edit_message(db, chat_id, message_id, edit, touch=False, repair=False)
    if message is None:
        await answer_store.set_done(db, answer_id.row_id)  # its chat or message was deleted
    return message


def _end_item(item: Any) -> Any:
    """Return an output item as it stays."""
    if not isinstance(item, dict):
        return item
    if item.get("type") == "function_call" and item.get("status") in UNDECIDED:
        return {**{key: value for key, value in item.items() if key != "approved"}, "status": "rejected"}
    return {**item, "status": "incomplete"} if item.get("status") == "in_progress" else item


def _awaits_decision(output: Any) -> bool:
    return isinstance(output, list) and any(
        isinstance(item, dict) and item.get("type") == "function_call" and item.get("status") in UNDECIDED
        for item in output
    )


async def start_recovery(db: Database, tasks: Tasks) -> None:
    """Mark the answers that earlier processes left unfinished as done and interrupted, in the background.

    They are listed now, before the first request, so that no answer of this process is among them, whatever the clock
    says. A database without our index is too large to be searched now: there the rows count that were last written
    before the start, which misses those of a clock that was ahead until the next start.
    """
    started_at = int(time.time())
    finished_count = 0
    answer_ids: list[AnswerId] | None = None
    if await indexes.has_index(db, answer_store.INDEX):
        answer_ids = await answer_store.list_unfinished_ids(db)

    async def recover_answers() -> None:
        nonlocal answer_ids, finished_count
        if answer_ids is None:
            await indexes.ensure_index(db, answer_store.INDEX)
            answer_ids = await answer_store.list_unfinished_ids(db, before=started_at)
        while answer_ids:
            finished_count += await _recover_answer(db, answer_ids[-1])
            answer_ids.pop()
        if finished_count:
            log.info("ended %d answers that were unfinished when the server last stopped", finished_count)

    tasks.run_through_outages(recover_answers)


async def _recover_answer(db: Database, answer_id: AnswerId) -> bool:
    """Mark an answer as done and interrupted, unless it waits for a decision on a tool call, as it may for days."""
    try:
        row = await answer_store.find_unfinished_answer(db, answer_id.row_id)
        if row is None or _awaits_decision(row.output):
            return False
        return await finish_answer(db, answer_id, {"error": INTERRUPTED}) is not None
    except Exception as error:
        if find_outage(error) is not None:
            raise
        log.exception("ending the answer of message %s failed, skipped", answer_id.message_id)
        return False
