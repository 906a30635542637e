"""Unfinished answers: rows of `chat_message` of the role `assistant` that are not done."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.db import Database, Executor
from fastback.kit.db.indexes import Index


class UnfinishedAnswer(msgspec.Struct):
    """The latest stored state of an answer in progress."""

    id: str
    content: msgspec.Raw
    output: msgspec.Raw
    status_history: msgspec.Raw


class AbandonedAnswer(msgspec.Struct):
    """An answer that a stopped server left unfinished."""

    id: str
    chat_id: str
    content: msgspec.Raw
    output: list[Any] | None


#: Answers that one start finishes at most.
MAX_ABANDONED = 1000

_UNFINISHED = "role = 'assistant' AND done = FALSE"
#: Finds the few unfinished answers of a large database.
INDEX = Index(
    "fastback_chat_message_unfinished",
    sqlite=f"ON chat_message (chat_id) WHERE {_UNFINISHED}",
    postgres=f"ON chat_message (chat_id) WHERE {_UNFINISHED}",
)

LIST_UNFINISHED_CHAT_IDS = f"""SELECT DISTINCT chat_id FROM chat_message
    WHERE chat_id = ANY(:chat_ids) AND {_UNFINISHED}"""
LIST_UNFINISHED_ANSWERS = f"""SELECT id, content, output, status_history FROM chat_message
    WHERE chat_id = :chat_id AND {_UNFINISHED}"""
LIST_ABANDONED_ANSWERS = f"""SELECT id, chat_id, content, output FROM chat_message
    WHERE {_UNFINISHED} AND output IS NOT NULL AND updated_at < :started_at LIMIT :limit"""


async def list_unfinished_chat_ids(db: Executor, chat_ids: list[str]) -> list[str]:
    """Return the chats among `chat_ids` that have an unfinished answer."""
    return await db.fetch_all(str, "answers.list_unfinished_chat_ids", LIST_UNFINISHED_CHAT_IDS, chat_ids=chat_ids)


async def load_unfinished_answers(db: Executor, chat_id: str) -> list[UnfinishedAnswer]:
    """Return the unfinished answers of a chat."""
    return await db.fetch_all(UnfinishedAnswer, "answers.list_unfinished", LIST_UNFINISHED_ANSWERS, chat_id=chat_id)


async def list_abandoned_answers(db: Database, started_at: int) -> list[AbandonedAnswer]:
    """Return unfinished answers with output that were last written before a time (seconds)."""
    return await db.fetch_all_in_thread(
        AbandonedAnswer,
        "answers.list_abandoned",
        LIST_ABANDONED_ANSWERS,
        started_at=started_at,
        limit=MAX_ABANDONED,
    )
