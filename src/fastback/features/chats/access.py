"""Who may read or write a chat that is not theirs: by a share, by a grant on its folder, as an administrator."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.grants import Grants
from fastback.access.identity import User
from fastback.kit.db import Database
from fastback.settings import Settings


class _ChatLocation(msgspec.Struct):
    user_id: str
    folder_id: str | None
    meta: dict[str, Any] | None


class _OwnedRow(msgspec.Struct):
    id: str
    user_id: str


_ABOVE = """
    WITH RECURSIVE up(id, parent_id, user_id, depth) AS (
        SELECT id, parent_id, user_id, 0 FROM folder WHERE id = :folder_id
        UNION ALL
        SELECT f.id, f.parent_id, f.user_id, up.depth + 1 FROM folder f JOIN up ON f.id = up.parent_id
        WHERE up.depth < 50
    )
    SELECT id, user_id FROM up ORDER BY depth"""


class ChatAccess:
    """Answers the question for one chat at a time."""

    def __init__(self, db: Database, grants: Grants, settings: Settings) -> None:
        self._db = db
        self._grants = grants
        self._settings = settings

    async def is_allowed(self, chat_id: str, user: User, permission: str = "read") -> bool:
        """Whether a user may read or write (`permission`) a chat."""
        place = await self._db.fetch_first(
            _ChatLocation, "chats.place", "SELECT user_id, folder_id, meta FROM chat WHERE id = :id", id=chat_id
        )
        if place is None:
            return False
        if place.user_id == user.id:
            return True
        # Chats of notes and subagents are part of what administrators see anyway.
        open_to_admins = self._settings.enable_admin_chat_access or (place.meta or {}).get("internal") is True
        if user.is_admin and permission == "read" and open_to_admins:
            return True
        if await self._may_continue_share(chat_id, user):
            return True
        return place.folder_id is not None and await self._may_access_folder(place.folder_id, user, permission)

    async def load_owner_ids(self, chat_ids: list[str]) -> dict[str, str]:
        """Whose these chats are, by their ids."""
        text = "SELECT id, user_id FROM chat WHERE id = ANY(:ids)"
        return {one.id: one.user_id for one in await self._db.fetch_all(_OwnedRow, "chats.owners", text, ids=chat_ids)}

    def has_owner_rights(self, owner_id: str, user: User) -> bool:
        """Whether a user may do with a chat what its owner may: administrators, unless they are kept out of chats."""
        return owner_id == user.id or (user.is_admin and self._settings.enable_admin_chat_access)

    async def _may_continue_share(self, chat_id: str, user: User) -> bool:
        """A share that lets others go on opens the chat itself, not its snapshot alone."""
        mode = await self._db.fetch_value(
            "chats.share_mode",
            "SELECT chat ->> 'share_mode' FROM shared_chat WHERE chat_id = :id ORDER BY updated_at DESC LIMIT 1",
            id=chat_id,
        )
        return mode == "continue" and await self._grants.has_access(user.id, "shared_chat", chat_id)

    async def _may_access_folder(self, folder_id: str, user: User, permission: str) -> bool:
        """A folder's readers read its chats; they write them where the folder says so."""
        if permission == "write":
            mode = await self._db.fetch_value(
                "chats.folder_mode", "SELECT data ->> 'share_mode' FROM folder WHERE id = :id", id=folder_id
            )
            if mode != "continue":
                return False
        above = await self._db.fetch_all(_OwnedRow, "chats.folders_above", _ABOVE, folder_id=folder_id)
        if any(one.user_id == user.id for one in above):
            return True
        return bool(await self._grants.filter_accessible_ids(user.id, "folder", [one.id for one in above]))

    async def may_read_folder(self, folder_id: str, user: User) -> bool:
        """Whether a user may read what a folder holds, as its owner, by a grant, as an administrator."""
        return user.is_admin or await self._may_access_folder(folder_id, user, "read")

    async def may_write_folder(self, folder_id: str, user: User) -> bool:
        """Whether a user may put chats into a folder."""
        above = await self._db.fetch_all(_OwnedRow, "chats.folders_above", _ABOVE, folder_id=folder_id)
        if any(one.user_id == user.id for one in above):
            return True
        return bool(await self._grants.filter_accessible_ids(user.id, "folder", [one.id for one in above], "write"))

    async def may_move_chat(self, folder_id: str | None, target_id: str | None, user: User) -> bool:
        """Whether a user may put somebody else's chat from one folder into another: within a tree of their own."""
        root = await self._find_own_root(folder_id, user)
        return root is not None and root == await self._find_own_root(target_id, user)

    async def _find_own_root(self, folder_id: str | None, user: User) -> str | None:
        """The top of the user's tree that a folder lies in; of a shared part of it, its own top."""
        if folder_id is None:
            return None
        above = await self._db.fetch_all(_OwnedRow, "chats.folders_above", _ABOVE, folder_id=folder_id)
        if not above or any(one.user_id != user.id for one in above):
            return None
        shared = await self._grants.list_grants_by_resource("folder", [one.id for one in above])
        tops = [one.id for one in above if shared.get(one.id)]
        return tops[-1] if tops else above[-1].id
