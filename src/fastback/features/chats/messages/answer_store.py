"""Unfinished answers: rows of `chat_message` of the role `assistant` that are not done."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.db import Database, Executor
from fastback.kit.db.indexes import Index

Json = dict[str, Any] | list[Any] | str | int | float | bool | None


class AnswerId(msgspec.Struct, frozen=True):
    """An answer and its chat."""

    row_id: str
    chat_id: str

    @property
    def message_id(self) -> str:
        """The id of the message in the chat's document."""
        return self.row_id.removeprefix(f"{self.chat_id}-")


class AnswerOwner(msgspec.Struct, frozen=True):
    """The user whose turn writes an answer, and the folder of its chat."""

    user_id: str
    folder_id: str | None


class UnfinishedAnswer(msgspec.Struct):
    """What the row of an unfinished answer has of it."""

    content: Json
    output: Json
    status_history: Json


_UNFINISHED = "role = 'assistant' AND done = FALSE"
#: Finds the few unfinished answers of a large database.
INDEX = Index(
    "fastback_chat_message_unfinished",
    sqlite=f"ON chat_message (chat_id) WHERE {_UNFINISHED}",
    postgres=f"ON chat_message (chat_id) WHERE {_UNFINISHED}",
)

LIST_UNFINISHED_CHAT_IDS = f"""SELECT DISTINCT chat_id FROM chat_message
    WHERE chat_id = ANY(:chat_ids) AND {_UNFINISHED}"""
LIST_UNFINISHED_IDS = f"SELECT id, chat_id FROM chat_message WHERE {_UNFINISHED} AND updated_at < :before"
LIST_UNFINISHED_IDS_OF_USER = """SELECT m.id, m.chat_id FROM chat_message m JOIN chat c ON c.id = m.chat_id
    WHERE m.chat_id = :chat_id AND m.role = 'assistant' AND m.done = FALSE
      AND COALESCE(m.user_id, c.user_id) = :user_id"""
FIND_UNFINISHED = f"SELECT content, output, status_history FROM chat_message WHERE id = :id AND {_UNFINISHED}"
FIND_OWNER = """SELECT COALESCE(m.user_id, c.user_id), c.folder_id FROM chat_message m JOIN chat c ON c.id = m.chat_id
    WHERE m.id = :id"""
SET_DONE = "UPDATE chat_message SET done = TRUE WHERE id = :id"

#: Later than any time of a row, in seconds.
_NEVER = 2**62


def build_row_id(chat_id: str, message_id: str) -> str:
    """Return the id of the row of a message."""
    return f"{chat_id}-{message_id}"


async def list_unfinished_chat_ids(db: Executor, chat_ids: list[str]) -> list[str]:
    """Return the chats among `chat_ids` that have an unfinished answer."""
    return await db.fetch_all(str, "answers.list_unfinished_chat_ids", LIST_UNFINISHED_CHAT_IDS, chat_ids=chat_ids)


async def list_unfinished_ids(db: Database, *, before: int = _NEVER) -> list[AnswerId]:
    """Return all unfinished answers that were last written before a time (seconds)."""
    return await db.fetch_all_in_thread(AnswerId, "answers.list_unfinished_ids", LIST_UNFINISHED_IDS, before=before)


async def list_unfinished_ids_of_user(db: Executor, chat_id: str, user_id: str) -> list[AnswerId]:
    """Return a user's unfinished answers in a chat."""
    return await db.fetch_all(
        AnswerId,
        "answers.list_unfinished_ids_of_user",
        LIST_UNFINISHED_IDS_OF_USER,
        chat_id=chat_id,
        user_id=user_id,
    )


async def find_unfinished_answer(db: Executor, row_id: str) -> UnfinishedAnswer | None:
    """Return what the row of an answer has of it; None if it is done, or there is no such answer."""
    return await db.fetch_first(UnfinishedAnswer, "answers.find_unfinished", FIND_UNFINISHED, id=row_id)


async def find_owner(db: Executor, row_id: str) -> AnswerOwner | None:
    """Return the owner of an answer; None where its chat was deleted."""
    return await db.fetch_first(AnswerOwner, "answers.find_owner", FIND_OWNER, id=row_id)


async def set_done(db: Executor, row_id: str) -> None:
    """Mark the row of an answer as done."""
    await db.execute("answers.set_done", SET_DONE, id=row_id)
