"""The checklist of a chat: the column `chat.tasks`."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.db import Executor
from fastback.kit.storable_text import encode_json

FIND_ITEMS = "SELECT tasks FROM chat WHERE id = :id"
SET_ITEMS = "UPDATE chat SET tasks = :tasks WHERE id = :id"


class _Column(msgspec.Struct):
    tasks: msgspec.Raw


async def list_items(db: Executor, chat_id: str) -> list[dict[str, Any]]:
    """Return the steps of a chat's checklist, `{"id", "content", "status"}` each; none where the chat has none."""
    row = await db.fetch_first(_Column, "checklist.find", FIND_ITEMS, id=chat_id)
    items = msgspec.json.decode(row.tasks) if row is not None else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


async def set_items(db: Executor, chat_id: str, items: list[dict[str, Any]]) -> None:
    """Replace the steps of a chat's checklist."""
    await db.execute("checklist.set", SET_ITEMS, id=chat_id, tasks=encode_json(items))
