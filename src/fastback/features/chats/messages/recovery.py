"""After a crash: what was written of unfinished answers goes into the documents of their chats.

While an answer streams only its row grows (see `turns`); a killed process leaves the document behind it.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import msgspec

from fastback.features.chats.messages import turn_store
from fastback.kit.db import Database, indexes
from fastback.kit.db.indexes import Index
from fastback.kit.tasks import Tasks

log = logging.getLogger("fastback.chats")

_WHICH = "role = 'assistant' AND done = FALSE"
_INDEX = Index(
    "fastback_chat_message_unfinished",
    sqlite=f"ON chat_message (chat_id) WHERE {_WHICH}",
    postgres=f"ON chat_message (chat_id) WHERE {_WHICH}",
)


class _Unfinished(msgspec.Struct):
    id: str
    chat_id: str
    content: msgspec.Raw
    output: list[Any] | None


async def recover_unfinished_answers(db: Database, tasks: Tasks) -> None:
    """Finish the answers that the last process left unfinished.

    Runs beside the first requests, over an index of our own: in a large database such answers are a needle in a
    haystack. Answers that began since are left alone.
    """
    started = int(time.time())
    await indexes.ensure_index(db, _INDEX)
    rows = await db.fetch_all_in_thread(
        _Unfinished,
        "recovery.unfinished",
        f"""SELECT id, chat_id, content, output FROM chat_message
           WHERE {_WHICH} AND output IS NOT NULL AND updated_at < :started LIMIT 1000""",
        started=started,
    )
    count = 0
    for row in rows:
        content = msgspec.json.decode(row.content)
        if tasks.list_group_ids(row.chat_id) or not (content or row.output):
            continue
        message_id = row.id.removeprefix(f"{row.chat_id}-")
        patch = {"content": content or "", "output": row.output or [], "done": True}
        await turn_store.save_message(db, row.chat_id, message_id, patch, touch=False)
        count += 1
    if count:
        log.info("kept %d answers that were unfinished when the server last stopped", count)
