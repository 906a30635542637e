"""Rows of `chat_file`: the files of the questions in a chat. A user who may read the chat may read its files."""

from __future__ import annotations

import time
import uuid
from typing import Any

from fastback.access.identity import User
from fastback.features.files.access import FileAccess
from fastback.kit.db import Database

INSERT_CHAT_FILE = """INSERT INTO chat_file (id, user_id, chat_id, file_id, message_id, created_at, updated_at)
    VALUES (:id, :user_id, :chat_id, :file_id, :message_id, :now, :now) ON CONFLICT (chat_id, file_id) DO NOTHING"""
LIST_EXISTING_IDS = "SELECT id FROM file WHERE id = ANY(:ids)"


def list_file_ids(message: dict[str, Any]) -> list[str]:
    """Return the ids of the files attached to a message, each once."""
    files = message.get("files")
    ids = [
        file["id"]
        for file in (files if isinstance(files, list) else ())
        if isinstance(file, dict) and file.get("type") == "file" and isinstance(file.get("id"), str) and file["id"]
    ]
    return list(dict.fromkeys(ids))


async def attach_files(
    db: Database, access: FileAccess, chat_id: str, message_id: str, file_ids: list[str], user: User
) -> None:
    """Link files to a question. Files that its author may not read are skipped: linking would give access to them."""
    if user.is_admin:
        allowed_ids = set(await db.fetch_all(str, "chat_files.list_existing_ids", LIST_EXISTING_IDS, ids=file_ids))
    else:
        allowed_ids = await access.list_accessible_ids(user, file_ids)
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
        if file_id in allowed_ids
    ]
    if rows:
        await db.execute_many("chat_files.insert", INSERT_CHAT_FILE, rows)
