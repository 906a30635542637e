"""Access to files of other users: through knowledge, channels, chats, notes and models.

Reading follows what is shared. Writing follows knowledge and models only where their owner also owns the file:
otherwise a user could put a file that they may only read into a knowledge of their own and change it through that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Protocol

from fastback.access.grants import Grants
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.features.chats.access import ChatAccess
from fastback.features.files import access_store
from fastback.features.files.access_store import Requester
from fastback.kit.db import Database


class OwnedFile(Protocol):
    """The fields of a file that access checks read."""

    @property
    def id(self) -> str: ...

    @property
    def user_id(self) -> str | None: ...


class FileAccess:
    """Checks whether users may read or write files, one or many at once."""

    def __init__(self, *, db: Database, permissions: Permissions, grants: Grants, chats: ChatAccess) -> None:
        self._db = db
        self._permissions = permissions
        self._grants = grants
        self._chats = chats

    async def can_access(self, user: User, file: OwnedFile, permission: str) -> bool:
        """Return whether a user has a permission (`read`, `write`) on a file; admins and the owner always do."""
        return (
            user.is_admin
            or file.user_id == user.id
            or bool(await self.list_accessible_ids(user, [file.id], permission))
        )

    async def list_accessible_ids(self, user: User, ids: Collection[str], permission: str = "read") -> set[str]:
        """Return the files that exist and that a user may read or write; the administrator role is not considered."""
        if not ids:
            return set()
        requester = Requester(user.id, await self._permissions.list_group_ids(user.id), permission)
        accessible = set(await access_store.list_directly_accessible(self._db, ids, requester))
        for file_id in set(ids) - accessible:
            in_open_chat = permission == "read" and await self._is_in_open_chat(file_id, user)
            if in_open_chat or await self._is_attached(file_id, requester):
                accessible.add(file_id)
        return accessible

    async def add_to_channel(self, channel_id: str, file_id: str, user: User) -> None:
        """Link a file to a channel; do nothing if the user is not in the channel."""
        group_ids = await self._permissions.list_group_ids(user.id)
        await access_store.add_to_channel(self._db, channel_id, file_id, user, group_ids)

    async def _is_in_open_chat(self, file_id: str, user: User) -> bool:
        """Return whether the user may read a chat with the file that is shared or in a shared folder."""
        chat_ids = await access_store.list_shared_chat_ids(self._db, file_id)
        if await self._grants.filter_accessible_ids(user.id, "shared_chat", chat_ids):
            return True
        for chat_id in chat_ids:
            if await self._chats.is_allowed(chat_id, user):
                return True
        return False

    async def _is_attached(self, file_id: str, requester: Requester) -> bool:
        """Return whether the file is attached to an accessible model or, to read, to a granted note of its owner."""
        is_reading = requester.permission == "read"
        if is_reading:
            notes = await access_store.list_notes(self._db, file_id, requester)
            if any(_has_attachment(note, "files", file_id) for note in notes):
                return True
        for meta in await access_store.list_models(self._db, file_id, requester):
            if _has_attachment(meta, "knowledge", file_id) or (is_reading and file_id in _list_displayed_files(meta)):
                return True
        return False


def _has_attachment(document: Any, field: str, file_id: str) -> bool:
    """Return whether the list in a field of a document contains the file."""
    attachments = document.get(field) if isinstance(document, dict) else None
    return isinstance(attachments, list) and any(
        isinstance(item, dict) and item.get("type") == "file" and item.get("id") == file_id for item in attachments
    )


def _list_displayed_files(meta: Any) -> Iterator[Any]:
    """Yield the ids of the files that a model displays: its background and the images of its voice avatar."""
    if not isinstance(meta, dict):
        return
    background = meta.get("background_image_url")
    if isinstance(background, str) and background.startswith("/api/v1/files/") and background.endswith("/content"):
        yield background.removeprefix("/api/v1/files/").removesuffix("/content")
    avatar = meta.get("voice_avatar")
    if not isinstance(avatar, dict):
        return
    yield avatar.get("file_id")
    states, gestures = avatar.get("states"), avatar.get("gestures")
    parts = [*(states.values() if isinstance(states, dict) else ()), *(gestures if isinstance(gestures, list) else ())]
    for part in parts:
        if isinstance(part, dict):
            yield part.get("file_id")
