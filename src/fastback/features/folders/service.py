"""Rules about folders that span folders, grants and chats."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback import messages
from fastback.access.events import GrantsChanged
from fastback.access.grants import Grants
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.keys.features import FOLDERS_ENABLE
from fastback.features.chats import store as chats_store
from fastback.features.chats.events import ChatDeleted
from fastback.features.files.access import FileAccess
from fastback.features.folders import store
from fastback.features.folders.readable_entries import ReadableEntries
from fastback.features.folders.store import Folder
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Forbidden, NotFound
from fastback.kit.tasks import Tasks


class FolderService:
    """Applies the rules that span folders, grants and chats."""

    def __init__(
        self,
        *,
        db: Database,
        config: Config,
        permissions: Permissions,
        grants: Grants,
        tasks: Tasks,
        bus: Bus,
        files: FileAccess,
    ) -> None:
        self.db = db
        self.permissions = permissions
        self.grants = grants
        self.tasks = tasks
        self.bus = bus
        self.readable = ReadableEntries(db, permissions, files)
        self._config = config

    async def require_feature(self, user: User) -> None:
        """Check that folders are enabled and permitted for this user.

        Raises:
            Forbidden: they are not.
        """
        if self._config.get(FOLDERS_ENABLE) is False:
            raise Forbidden(messages.ACCESS_PROHIBITED)
        if not user.is_admin and not await self.permissions.has(user.id, "features.folders"):
            raise Forbidden(messages.ACCESS_PROHIBITED)

    async def is_allowed(self, folder: Folder, user: User, permission: str) -> bool:
        """Return whether a user owns the folder or one above it, or was granted one of them."""
        seen: set[str] = set()
        current: Folder | None = folder
        while current is not None and current.id not in seen:
            seen.add(current.id)
            if current.user_id == user.id or await self.grants.has_access(user.id, "folder", current.id, permission):
                return True
            current = await store.find_folder(self.db, current.parent_id) if current.parent_id else None
        return False

    async def get_folder(self, folder_id: str, user: User) -> Folder:
        """Return a folder of any owner.

        Raises:
            Forbidden: the user may not use folders. NotFound: there is no such folder.
        """
        await self.require_feature(user)
        folder = await store.find_folder(self.db, folder_id)
        if folder is None:
            raise NotFound(messages.NOT_FOUND)
        return folder

    async def get_permitted_folder(self, folder_id: str, user: User, permission: str) -> Folder:
        """Return a folder that a user may `read` or `write` (`permission`); administrators may access every folder.

        Raises:
            Forbidden: the user may not use folders. NotFound: there is no such folder, or it is not permitted.
        """
        folder = await self.get_folder(folder_id, user)
        if not (user.is_admin or await self.is_allowed(folder, user, permission)):
            raise NotFound(messages.NOT_FOUND)
        return folder

    async def get_owned_folder(self, folder_id: str, user: User) -> Folder:
        """Return a folder that the user owns.

        Raises:
            Forbidden: the user may not use folders. NotFound: there is no such folder, or another user owns it.
        """
        folder = await self.get_folder(folder_id, user)
        if folder.user_id != user.id:
            raise NotFound(messages.NOT_FOUND)
        return folder

    async def reload_folder(self, folder_id: str) -> Folder:
        """Return a folder after a change.

        Raises:
            NotFound: it was deleted meanwhile.
        """
        folder = await store.find_folder(self.db, folder_id)
        if folder is None:
            raise NotFound(messages.NOT_FOUND)
        return folder

    async def require_free_name(
        self, user_id: str, parent_id: str | None, name: str, *, except_id: str | None = None
    ) -> None:
        """Check that no other folder in the same place has this name.

        Raises:
            BadRequest: the name is taken.
        """
        if await store.is_name_taken(self.db, user_id, parent_id, name, except_id=except_id):
            raise BadRequest(messages.wrap_reason("Folder already exists"))

    async def require_readable_files(self, data: dict[str, Any] | None, user: User) -> None:
        """Check that the user may read every entry of `data.files`.

        Raises:
            Forbidden: the user may not.
        """
        if data and "files" in data and not await self.readable.can_read_all(data["files"], user):
            raise Forbidden(messages.ACCESS_PROHIBITED)

    async def require_files_readable_by_owner(self, data: dict[str, Any] | None, owner_id: str) -> None:
        """Check that the folder's owner may read every entry of `data.files`, because the owner passes the entries on.

        Raises:
            Forbidden: the owner may not. NotFound: the owner was deleted.
        """
        if data and "files" in data:
            owner = await store.find_owner(self.db, owner_id)
            if owner is None:
                raise NotFound(messages.NOT_FOUND)
            await self.require_readable_files(data, owner)

    async def detach_lost_folders(self, rows: list[Folder]) -> list[Folder]:
        """Move folders to the top level that no tree would show, because their parent is deleted or they form a cycle.

        `rows` are all folders of one owner. Changes them in place, and returns them.
        """
        parents = {row.id: row.parent_id for row in rows}
        lost_ids: list[str] = []
        for row in rows:
            if row.parent_id and (row.parent_id not in parents or _is_in_cycle(row.id, parents)):
                parents[row.id] = row.parent_id = None
                lost_ids.append(row.id)
        if lost_ids:
            await store.clear_parents(self.db, lost_ids)
        return rows

    async def drop_unreadable_files(self, rows: list[Folder], user: User) -> None:
        """Remove the entries from a user's folders that the user may no longer read, or that were deleted."""
        for row in rows:
            if b'"files"' not in bytes(row.data):
                continue
            files = (msgspec.json.decode(row.data) or {}).get("files")
            if isinstance(files, list) and files:
                readable = await self.readable.list_readable(files, user)
                if len(readable) != len(files):
                    await store.update_folder(self.db, row, data={"files": readable})

    async def delete_folder(self, folder: Folder, user: User, *, with_contents: bool) -> None:
        """Delete a folder, the folders below it and the owner's chats in them; take other users' chats out of them.

        Without `with_contents` the owner's chats are kept, too.

        Raises:
            Forbidden: there are chats to delete, and the user may not delete chats.
        """
        folder_ids = await store.list_subtree_ids(self.db, folder.id, folder.user_id)
        chat_ids = (
            await chats_store.list_all_ids_in_folders(self.db, folder.user_id, folder_ids) if with_contents else []
        )
        if chat_ids and not user.is_admin and not await self.permissions.has(user.id, "chat.delete"):
            raise Forbidden(messages.ACCESS_PROHIBITED)
        for chat_id in chat_ids:
            for task_id in self.tasks.list_group_ids(chat_id):
                await self.tasks.stop(task_id)
        await chats_store.delete_chats(self.db, chat_ids)
        await store.delete_folders(self.db, folder_ids)
        for chat_id in chat_ids:
            await self.bus.publish(ChatDeleted(chat_id, folder.user_id))
        for folder_id in folder_ids:
            await self.bus.publish(GrantsChanged("folder", folder_id))


def _is_in_cycle(folder_id: str, parents: dict[str, str | None]) -> bool:
    """Return whether the chain of parents of a folder leads back to the folder."""
    seen = {folder_id}
    current = parents.get(folder_id)
    while current and current not in seen:
        seen.add(current)
        current = parents.get(current)
    return current == folder_id


def list_descendants(folder_id: str, children: dict[str | None, list[Folder]]) -> list[Folder]:
    """Return all folders below a folder, the deepest first; `children` has the owner's folders by parent."""
    descendants: list[Folder] = []
    seen = {folder_id}

    def visit(parent_id: str) -> None:
        for child in children.get(parent_id, []):
            if child.id not in seen:
                seen.add(child.id)
                visit(child.id)
                descendants.append(child)

    visit(folder_id)
    return descendants


def encode_folder(folder: Folder) -> dict[str, Any]:
    """Return the fields of a folder."""
    return msgspec.structs.asdict(folder)
