"""Who may do what with folders, and what happens to what lies in them."""

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
from fastback.features.chats import store as chats
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
    """The rules that span folders, grants and chats."""

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
        """Raises: Forbidden where folders are switched off or not for this user."""
        if self._config.get(FOLDERS_ENABLE) is False:
            raise Forbidden(messages.ACCESS_PROHIBITED)
        if not user.is_admin and not await self.permissions.has(user.id, "features.folders"):
            raise Forbidden(messages.ACCESS_PROHIBITED)

    async def is_allowed(self, folder: Folder, user: User, permission: str) -> bool:
        """Whether a user owns the folder or one above it, or was granted one of them."""
        seen: set[str] = set()
        current: Folder | None = folder
        while current is not None and current.id not in seen:
            seen.add(current.id)
            if current.user_id == user.id or await self.grants.has_access(user.id, "folder", current.id, permission):
                return True
            current = await store.find_folder(self.db, current.parent_id) if current.parent_id else None
        return False

    async def get_folder(self, folder_id: str, user: User) -> Folder:
        """Raises: Forbidden where folders are none of the user's, NotFound for a folder that is not there."""
        await self.require_feature(user)
        folder = await store.find_folder(self.db, folder_id)
        if folder is None:
            raise NotFound(messages.NOT_FOUND)
        return folder

    async def get_permitted_folder(self, folder_id: str, user: User, permission: str) -> Folder:
        """Raises: NotFound, also for what the user may not do."""
        folder = await self.get_folder(folder_id, user)
        if not (user.is_admin or await self.is_allowed(folder, user, permission)):
            raise NotFound(messages.NOT_FOUND)
        return folder

    async def get_owned_folder(self, folder_id: str, user: User) -> Folder:
        """Raises: NotFound, also for what is somebody else's."""
        folder = await self.get_folder(folder_id, user)
        if folder.user_id != user.id:
            raise NotFound(messages.NOT_FOUND)
        return folder

    async def reload_folder(self, folder_id: str) -> Folder:
        folder = await store.find_folder(self.db, folder_id)
        if folder is None:
            raise NotFound(messages.NOT_FOUND)
        return folder

    async def require_free_name(
        self, user_id: str, parent_id: str | None, name: str, *, besides: str | None = None
    ) -> None:
        """Raises: BadRequest where a sister has this name."""
        if await store.is_name_taken(self.db, user_id, parent_id, name, besides=besides):
            raise BadRequest(messages.wrap_reason("Folder already exists"))

    async def require_readable_files(self, data: dict[str, Any] | None, user: User) -> None:
        """Raises: Forbidden where `data.files` names what the user may not read."""
        if data and "files" in data and not await self.readable.can_read_all(data["files"], user):
            raise Forbidden(messages.ACCESS_PROHIBITED)

    async def require_files_readable_by_owner(self, data: dict[str, Any] | None, owner_id: str) -> None:
        """Raises: Forbidden where `data.files` names what the folder's owner may not read: they would pass it on."""
        if data and "files" in data:
            text = 'SELECT id, email, name, role FROM "user" WHERE id = :id'
            owner = await self.db.fetch_first(User, "folders.owner", text, id=owner_id)
            if owner is None:
                raise NotFound(messages.NOT_FOUND)
            await self.require_readable_files(data, owner)

    async def detach_lost_folders(self, rows: list[Folder]) -> list[Folder]:
        """Folders of one owner; those no tree would show (their parent is gone, they lie in a circle) come on top."""
        parents = {row.id: row.parent_id for row in rows}
        lost: list[str] = []
        for row in rows:
            if row.parent_id and (row.parent_id not in parents or _is_in_cycle(row.id, parents)):
                parents[row.id] = row.parent_id = None
                lost.append(row.id)
        if lost:
            await store.clear_parents(self.db, lost)
        return rows

    async def drop_unreadable_files(self, rows: list[Folder], user: User) -> None:
        """Take out of a user's folders what they may not read any more, or nobody can as it is gone."""
        for row in rows:
            if b'"files"' not in bytes(row.data):
                continue
            files = (msgspec.json.decode(row.data) or {}).get("files")
            if isinstance(files, list) and files:
                left = await self.readable.list_readable(files, user)
                if len(left) != len(files):
                    await store.update_folder(self.db, row, data={"files": left})

    async def delete_folder(self, folder: Folder, user: User, *, with_contents: bool) -> None:
        """Remove a folder and all below it; the owner's chats in them too, others' chats come out.

        Raises:
            Forbidden: there are chats to delete, and the user may not.
        """
        ids = await store.list_subtree_ids(self.db, folder.id, folder.user_id)
        inside = await store.list_chat_ids(self.db, ids, folder.user_id) if with_contents else []
        if inside and not user.is_admin and not await self.permissions.has(user.id, "chat.delete"):
            raise Forbidden(messages.ACCESS_PROHIBITED)
        for chat_id in inside:
            for task_id in self.tasks.list_group_ids(chat_id):
                await self.tasks.stop(task_id)
        await chats.delete_chats(self.db, inside)
        await store.delete_folders(self.db, ids)
        for chat_id in inside:
            await self.bus.publish(ChatDeleted(chat_id, folder.user_id))
        for one in ids:
            await self.bus.publish(GrantsChanged("folder", one))


def _is_in_cycle(folder_id: str, parents: dict[str, str | None]) -> bool:
    """Whether the way up from a folder comes back to it."""
    seen = {folder_id}
    current = parents.get(folder_id)
    while current and current not in seen:
        seen.add(current)
        current = parents.get(current)
    return current == folder_id


def list_descendants(folder_id: str, sisters: dict[str | None, list[Folder]]) -> list[Folder]:
    """All folders below one, the deepest first; `sisters` holds the owner's folders by parent."""
    found: list[Folder] = []
    seen = {folder_id}

    def visit(parent_id: str) -> None:
        for child in sisters.get(parent_id, []):
            if child.id not in seen:
                seen.add(child.id)
                visit(child.id)
                found.append(child)

    visit(folder_id)
    return found


def encode_folder(folder: Folder) -> dict[str, Any]:
    return msgspec.structs.asdict(folder)
