"""The names of a user's folders, for searches within folders."""

from __future__ import annotations

import msgspec

from fastback.kit.db import Executor


class FolderName(msgspec.Struct):
    """A folder's name and place."""

    id: str
    name: str
    parent_id: str | None


LIST_FOLDER_NAMES = "SELECT id, name, parent_id FROM folder WHERE user_id = :user_id"


async def list_folder_names(db: Executor, user_id: str) -> list[FolderName]:
    """Return a user's folders, in no order."""
    return await db.fetch_all(FolderName, "search.list_folder_names", LIST_FOLDER_NAMES, user_id=user_id)
