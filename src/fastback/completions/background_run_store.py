"""Rows of `fastback_background_subagent`: subagents in the background whose result their chat does not have yet."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.db import Database
from fastback.kit.storable_text import encode_json

CREATE_TABLE = """
    CREATE TABLE IF NOT EXISTS fastback_background_subagent (
        id TEXT NOT NULL PRIMARY KEY,
        user_id TEXT NOT NULL,
        run TEXT NOT NULL
    )"""


class BackgroundRun(msgspec.Struct, kw_only=True):
    """A subagent in the background, and what continues its chat.

    Attributes:
        id: of the delegation.
        chat_id: the chat that the result is for.
        subagent_chat_id: the chat of the subagent, with its answer in the message `answer_id`.
        fields: of the request that has started it; the request that continues the chat has them, too.
        system_prompt: of that request.
    """

    id: str
    user_id: str
    chat_id: str
    subagent_chat_id: str
    answer_id: str
    task: str
    context: str
    model_id: str
    session_id: str | None
    system_prompt: str
    fields: dict[str, Any]


LIST_RUNS = "SELECT run FROM fastback_background_subagent ORDER BY id"
INSERT_RUN = "INSERT INTO fastback_background_subagent (id, user_id, run) VALUES (:id, :user_id, :run)"
DELETE_RUN = "DELETE FROM fastback_background_subagent WHERE id = :id"
DELETE_RUNS_OF_USER = "DELETE FROM fastback_background_subagent WHERE user_id = :user_id"


async def list_runs(db: Database) -> list[BackgroundRun]:
    texts = await db.fetch_all_in_thread(str, "subagents.list_runs", LIST_RUNS)
    return [msgspec.json.decode(text, type=BackgroundRun) for text in texts]


async def insert_run(db: Database, run: BackgroundRun) -> None:
    await db.execute("subagents.insert_run", INSERT_RUN, id=run.id, user_id=run.user_id, run=encode_json(run))


async def delete_run(db: Database, run_id: str) -> None:
    await db.execute("subagents.delete_run", DELETE_RUN, id=run_id)


async def delete_runs_of_user(db: Database, user_id: str) -> None:
    await db.execute("subagents.delete_runs_of_user", DELETE_RUNS_OF_USER, user_id=user_id)
