"""What a turn must know of its chat's surroundings: the chat's folder, and the folder's data.

The tables belong to `features/chats` and `features/folders`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.features.chats.fragments import DOCUMENT
from fastback.kit.db import Database, Executor
from fastback.kit.db.large_column import fetch_row

FIND_CHAT_LOCATION = "SELECT folder_id, meta FROM chat WHERE id = :id"
FIND_FOLDER = "SELECT id, data FROM folder WHERE id = :id"


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


class FolderContext(msgspec.Struct):
    """What a folder gives to its chats: a system prompt and files."""

    id: str
    data: dict[str, Any] | None

    @property
    def system_prompt(self) -> Any:
        return (self.data or {}).get("system_prompt")

    @property
    def has_files(self) -> bool:
        return bool((self.data or {}).get("files"))


async def find_chat_location(db: Database, chat_id: str) -> ChatLocation | None:
    """Return the folder and the metadata of a chat."""
    return await fetch_row(db, DOCUMENT, ChatLocation, "context.place", FIND_CHAT_LOCATION, id=chat_id)


async def find_folder(db: Executor, folder_id: str) -> FolderContext | None:
    """Return a folder with its data. The caller checks that the user may read it."""
    return await db.fetch_first(FolderContext, "context.folder", FIND_FOLDER, id=folder_id)
