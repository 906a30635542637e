"""Rows of `fastback_channel_answer`: the messages of channels that a model's answer is being written to.

A row goes with the end of its answer. One that no process writes was left unfinished.
"""

from __future__ import annotations

import msgspec

from fastback.kit.db import Database, Executor

CREATE_TABLE = """
    CREATE TABLE IF NOT EXISTS fastback_channel_answer (
        message_id TEXT NOT NULL PRIMARY KEY,
        channel_id TEXT NOT NULL
    )"""


class UnfinishedAnswer(msgspec.Struct, frozen=True):
    """The message of an answer, and its channel."""

    message_id: str
    channel_id: str


LIST_ANSWERS = "SELECT message_id, channel_id FROM fastback_channel_answer"
INSERT_ANSWER = """
    INSERT INTO fastback_channel_answer (message_id, channel_id) VALUES (:message_id, :channel_id)
    ON CONFLICT (message_id) DO NOTHING"""
DELETE_ANSWER = "DELETE FROM fastback_channel_answer WHERE message_id = :message_id"


async def list_answers(db: Database) -> list[UnfinishedAnswer]:
    """Return all answers that have no end."""
    return await db.fetch_all_in_thread(UnfinishedAnswer, "channel_answers.list", LIST_ANSWERS)


async def insert_answer(db: Executor, message_id: str, channel_id: str) -> None:
    """Note that an answer is being written to a message."""
    await db.execute("channel_answers.insert", INSERT_ANSWER, message_id=message_id, channel_id=channel_id)


async def delete_answer(db: Executor, message_id: str) -> bool:
    """Note that an answer has its end; return False where it had one before."""
    return await db.execute("channel_answers.delete", DELETE_ANSWER, message_id=message_id) > 0
