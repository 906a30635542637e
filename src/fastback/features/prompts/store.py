"""Rows of `prompt`."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from fastback.access.grants import Grant
from fastback.kit.db import Executor
from fastback.records.columns import Columns


class Prompt(msgspec.Struct):
    id: str
    command: str
    user_id: str
    name: str
    content: str
    data: msgspec.Raw
    meta: msgspec.Raw
    tags: msgspec.Raw
    is_active: bool
    version_id: str | None
    created_at: int
    updated_at: int


#: The columns of `Prompt`, of a table known as `t`.
COLUMNS = """t.id, t.command, t.user_id, t.name, t.content, t.data, t.meta, COALESCE(t.tags, '[]'), t.is_active,
    t.version_id, t.created_at, t.updated_at"""
_CHANGING = Columns(
    "prompt", plain=("command", "name", "content", "is_active", "version_id"), json=("data", "meta", "tags")
)


def answer(row: Prompt, grants: list[Grant] | None = None) -> dict[str, Any]:
    """A prompt as answers show it."""
    return {**msgspec.structs.asdict(row), "access_grants": grants or []}


async def get(db: Executor, prompt_id: str) -> Prompt | None:
    return await db.fetch_first(Prompt, "prompts.get", f"SELECT {COLUMNS} FROM prompt t WHERE t.id = :id", id=prompt_id)


async def holder(db: Executor, command: str) -> str | None:
    """The id of the prompt with this command."""
    found: str | None = await db.fetch_value(
        "prompts.holder", "SELECT id FROM prompt WHERE command = :command", command=command
    )
    return found


async def insert(tx: Executor, prompt_id: str, user_id: str, **fields: Any) -> None:
    """Write a new prompt; `fields` are its other columns."""
    now = int(time.time())
    await tx.execute(
        "prompts.insert",
        """INSERT INTO prompt
               (id, command, user_id, name, content, data, meta, tags, is_active, created_at, updated_at)
           VALUES (:id, :command, :user_id, :name, :content, :data, :meta, :tags, TRUE, :now, :now)""",
        id=prompt_id,
        user_id=user_id,
        now=now,
        **_CHANGING.written(fields),
    )


async def update(tx: Executor, prompt_id: str, **fields: Any) -> None:
    """Change columns of a prompt; those with JSON take objects."""
    await _CHANGING.update(tx, prompt_id, fields)


async def delete(tx: Executor, prompt_id: str) -> None:
    await tx.execute("prompts.delete", "DELETE FROM prompt WHERE id = :id", id=prompt_id)
