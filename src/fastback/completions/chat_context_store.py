"""What a turn must know of its chat's surroundings: the chat's folder, those above it, and their data.

The tables belong to `features/chats` and `features/folders`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.features.chats.fragments import DOCUMENT
from fastback.kit.db import Database, Executor
from fastback.kit.db.large_column import fetch_row

FIND_CHAT_LOCATION = "SELECT folder_id, meta FROM chat WHERE id = :id"
#: A folder and those above it, the folder itself first. Each comes once, even where parents form a cycle.
LIST_FOLDERS_ABOVE = """
    WITH RECURSIVE up(id, parent_id, depth) AS (
        SELECT id, parent_id, 0 FROM folder WHERE id = :folder_id
        UNION ALL
        SELECT f.id, f.parent_id, up.depth + 1 FROM folder f JOIN up ON f.id = up.parent_id WHERE up.depth < 50
    )
    SELECT f.id, f.data FROM (SELECT id, min(depth) AS depth FROM up GROUP BY id) AS above
    JOIN folder f ON f.id = above.id ORDER BY above.depth"""


class ChatLocation(msgspec.Struct):
    """Where a chat belongs."""

    folder_id: str | None = None
    meta: dict[str, Any] | None = None

    @property
    def note_id(self) -> str | None:
        """The note that a chat is about: such a chat is hidden from lists, and its page shows the note."""
        meta = self.meta or {}
        note_id = meta.get("note_id") if meta.get("internal") is True and meta.get("type") == "note" else None
        return note_id if isinstance(note_id, str) else None


class FolderData(msgspec.Struct):
    """What a folder holds for its chats: a system prompt and files."""

    id: str
    data: dict[str, Any] | list[Any] | str | int | float | bool | None

    @property
    def system_prompt(self) -> str:
        prompt = self.data.get("system_prompt") if isinstance(self.data, dict) else None
        return prompt if isinstance(prompt, str) else ""

    @property
    def has_files(self) -> bool:
        files = self.data.get("files") if isinstance(self.data, dict) else None
        return isinstance(files, list) and bool(files)


class FolderContext(msgspec.Struct):
    """What a chat gets from its folder or from those above it: a system prompt, and the id of the folder with files."""

    system_prompt: str = ""
    files_folder_id: str | None = None


async def find_chat_location(db: Database, chat_id: str) -> ChatLocation | None:
    """Return the folder and the metadata of a chat."""
    return await fetch_row(db, DOCUMENT, ChatLocation, "context.place", FIND_CHAT_LOCATION, id=chat_id)


async def list_folders_above(db: Executor, folder_id: str) -> list[FolderData]:
    """Return a folder and those above it, at most 51, the folder itself first. The caller checks who may read them."""
    return await db.fetch_all(FolderData, "context.folders_above", LIST_FOLDERS_ABOVE, folder_id=folder_id)
