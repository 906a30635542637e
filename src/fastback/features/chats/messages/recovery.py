"""Recovery after a crash: writes the stored text of unfinished answers into the documents of their chats.

While an answer streams, only its row is updated (see `turn_store`); if the process is killed, the document lacks the
answer's text.
"""

from __future__ import annotations

import logging
import time

import msgspec

from fastback.features.chats.messages import answer_store, turn_store
from fastback.kit.db import Database, indexes
from fastback.kit.tasks import Tasks

log = logging.getLogger("fastback.chats")


async def recover_unfinished_answers(db: Database, tasks: Tasks) -> None:
    """Mark the answers that the last process left unfinished as done, with the text that they have.

    Runs while the server handles its first requests, over an index of our own, because a large database has few such
    answers among many rows. Skips answers that began since the start.
    """
    started_at = int(time.time())
    await indexes.ensure_index(db, answer_store.INDEX)
    count = 0
    for row in await answer_store.list_abandoned_answers(db, started_at):
        content = msgspec.json.decode(row.content)
        if tasks.list_group_ids(row.chat_id) or not (content or row.output):
            continue
        message_id = row.id.removeprefix(f"{row.chat_id}-")
        patch = {"content": content or "", "output": row.output or [], "done": True}
        await turn_store.save_message(db, row.chat_id, message_id, patch, touch=False)
        count += 1
    if count:
        log.info("recovered %d answers that were unfinished when the server last stopped", count)
