"""Which files came with which question: whoever may read a chat may read them through it."""

from __future__ import annotations

import time
import uuid
from typing import Any

from fastback.access.identity import User
from fastback.features.files.access import FileAccess
from fastback.kit.db import Database

_ADD = """INSERT INTO chat_file (id, user_id, chat_id, file_id, message_id, created_at, updated_at)
    VALUES (:id, :user_id, :chat_id, :file_id, :message_id, :now, :now) ON CONFLICT (chat_id, file_id) DO NOTHING"""


def list_file_ids(message: dict[str, Any]) -> list[str]:
    """The ids of the files that came with a message."""
    files = message.get("files")
    found = [
        one["id"]
        for one in (files if isinstance(files, list) else ())
        if isinstance(one, dict) and one.get("type") == "file" and isinstance(one.get("id"), str) and one["id"]
    ]
    return list(dict.fromkeys(found))


async def attach_files(
    db: Database, access: FileAccess, chat_id: str, message_id: str, file_ids: list[str], user: User
) -> None:
    """Remember files as those of a question; only those that its asker may read, as nobody else's may be claimed."""
    if user.is_admin:
        known = set(await db.fetch_all(str, "chats.files", "SELECT id FROM file WHERE id = ANY(:ids)", ids=file_ids))
    else:
        known = await access.list_accessible_ids(user, file_ids)
    now = int(time.time())
    rows = [
        {
            "id": str(uuid.uuid4()),
            "user_id": user.id,
            "chat_id": chat_id,
            "file_id": file_id,
            "message_id": message_id,
            "now": now,
        }
        for file_id in file_ids
        if file_id in known
    ]
    if rows:
        await db.execute_many("chats.attach", _ADD, rows)
