"""Access to chats of other users: by a share, by a grant on the chat's folder, as an administrator."""

from __future__ import annotations

from fastback.access.grants import Grants
from fastback.access.identity import User
from fastback.features.chats import access_store
from fastback.kit.db import Database
from fastback.settings import Settings


class ChatAccess:
    """Decides who may read or write a chat, or the chats of a folder."""

    def __init__(self, db: Database, grants: Grants, settings: Settings) -> None:
        self._db = db
        self._grants = grants
        self._settings = settings

    async def is_allowed(self, chat_id: str, user: User, permission: str = "read") -> bool:
        """Return whether a user may `read` or `write` (`permission`) a chat."""
        location = await access_store.find_location(self._db, chat_id)
        if location is None:
            return False
        if location.user_id == user.id:
            return True
        # Administrators may always read the internal chats of notes and subagents.
        is_internal = (location.meta or {}).get("internal") is True
        if user.is_admin and permission == "read" and (self._settings.enable_admin_chat_access or is_internal):
            return True
        if await self._may_continue_share(chat_id, user):
            return True
        return location.folder_id is not None and await self._may_access_folder(location.folder_id, user, permission)

    async def load_owner_ids(self, chat_ids: list[str]) -> dict[str, str]:
        """Return chat id → the id of its owner."""
        return {chat.id: chat.user_id for chat in await access_store.list_owners(self._db, chat_ids)}

    def has_owner_rights(self, owner_id: str, user: User) -> bool:
        """Return whether a user is the owner, or an administrator who may access the chats of all users."""
        return owner_id == user.id or (user.is_admin and self._settings.enable_admin_chat_access)

    async def _may_continue_share(self, chat_id: str, user: User) -> bool:
        """Return whether a share for continuing was granted to the user: it opens the chat, not only its snapshot."""
        mode = await access_store.find_share_mode(self._db, chat_id)
        return mode == "continue" and await self._grants.has_access(user.id, "shared_chat", chat_id)

    async def _may_access_folder(self, folder_id: str, user: User, permission: str) -> bool:
        """Return whether a user may access the chats of a folder: its readers may read them, and write them in the
        share mode `continue`."""
        if permission == "write" and await access_store.find_folder_mode(self._db, folder_id) != "continue":
            return False
        return await self._is_granted_folder(folder_id, user, "read")

    async def _is_granted_folder(self, folder_id: str, user: User, permission: str) -> bool:
        """Return whether a user owns a folder or one above it, or was granted one of them."""
        folders = await access_store.list_folders_above(self._db, folder_id)
        if any(folder.user_id == user.id for folder in folders):
            return True
        folder_ids = [folder.id for folder in folders]
        return bool(await self._grants.filter_accessible_ids(user.id, "folder", folder_ids, permission))

    async def may_read_folder(self, folder_id: str, user: User) -> bool:
        """Return whether a user may read the contents of a folder: as its owner, by a grant, as an administrator."""
        return user.is_admin or await self._is_granted_folder(folder_id, user, "read")

    async def may_write_folder(self, folder_id: str, user: User) -> bool:
        """Return whether a user may put chats into a folder."""
        return await self._is_granted_folder(folder_id, user, "write")

    async def may_move_chat(self, folder_id: str | None, target_id: str | None, user: User) -> bool:
        """Return whether a user may move another user's chat between two folders: only within a tree of their own."""
        root_id = await self._find_own_root(folder_id, user)
        return root_id is not None and root_id == await self._find_own_root(target_id, user)

    async def _find_own_root(self, folder_id: str | None, user: User) -> str | None:
        """Return the root of the user's tree that has the folder; within a shared part of it, the root of that part."""
        if folder_id is None:
            return None
        folders = await access_store.list_folders_above(self._db, folder_id)
        if not folders or any(folder.user_id != user.id for folder in folders):
            return None
        grants = await self._grants.list_grants_by_resource("folder", [folder.id for folder in folders])
        shared_ids = [folder.id for folder in folders if grants.get(folder.id)]
        return shared_ids[-1] if shared_ids else folders[-1].id
