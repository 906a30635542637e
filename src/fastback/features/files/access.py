"""Who may read or write a file that is not theirs: through knowledge, channels, chats, notes and models.

Reading follows what is shared; writing, knowledge and models give only where their owner owns the file too: otherwise
a file that one may merely read could be put into something of one's own and changed through it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Iterator
from typing import Any, Protocol

import msgspec

from fastback.access.grants import Grants, build_grant_condition
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.features.chats.access import ChatAccess
from fastback.kit.db import Database


class OwnedFile(Protocol):
    """A file, as far as access goes."""

    @property
    def id(self) -> str: ...

    @property
    def user_id(self) -> str | None: ...


_KNOWLEDGE = f"""EXISTS (
    SELECT 1 FROM knowledge_file kf JOIN knowledge k ON k.id = kf.knowledge_id
    WHERE kf.file_id = f.id AND (k.user_id = :user_id OR {build_grant_condition("knowledge", "k.id")}) {{more}})"""
_OPEN_CHANNEL = f"""c.deleted_at IS NULL AND c.archived_at IS NULL AND (
        (c.type IN ('group', 'dm') AND EXISTS (
            SELECT 1 FROM channel_member m
            WHERE m.channel_id = c.id AND m.user_id = :user_id AND m.is_active = TRUE))
        OR (COALESCE(c.type, '') NOT IN ('group', 'dm') AND (c.user_id = :user_id OR {build_grant_condition("channel", "c.id")})))"""
_CHANNELS = f"""EXISTS (
    SELECT 1 FROM channel_file cf JOIN channel c ON c.id = cf.channel_id
    WHERE cf.file_id = f.id AND {_OPEN_CHANNEL})"""
_INTO_CHANNEL = f"""
    INSERT INTO channel_file (id, channel_id, file_id, user_id, created_at, updated_at)
    SELECT :id, c.id, :file_id, :user_id, :now, :now FROM channel c WHERE c.id = :channel_id AND {_OPEN_CHANNEL}
    ON CONFLICT (channel_id, file_id) DO NOTHING"""
_READABLE = f"""SELECT f.id FROM file f WHERE f.id = ANY(:ids)
    AND (f.user_id = :user_id OR {_KNOWLEDGE.format(more="")} OR {_CHANNELS})"""
_WRITABLE = f"""SELECT f.id FROM file f WHERE f.id = ANY(:ids)
    AND (f.user_id = :user_id OR {_KNOWLEDGE.format(more="AND k.user_id = f.user_id")})"""
_CHATS = """SELECT c.id FROM chat_file cf JOIN chat c ON c.id = cf.chat_id
    WHERE cf.file_id = :id AND (c.share_id IS NOT NULL OR c.folder_id IS NOT NULL)"""
# Notes and models name files in JSON that people wrote: the text narrows, what it says decides.
_NOTES = f"""SELECT n.data FROM note n JOIN file f ON f.id = :id
    WHERE n.user_id = f.user_id AND CAST(n.data AS TEXT) LIKE :like AND {build_grant_condition("note", "n.id")}"""
_MODELS = f"""SELECT m.meta FROM model m
    WHERE CAST(m.meta AS TEXT) LIKE :like AND (m.user_id = :user_id OR {build_grant_condition("model", "m.id")})"""
_MODELS_OF_OWNER = f"""SELECT m.meta FROM model m JOIN file f ON f.id = :id
    WHERE m.base_model_id IS NOT NULL AND m.user_id = f.user_id AND CAST(m.meta AS TEXT) LIKE :like
    AND {build_grant_condition("model", "m.id")}"""


class _Document(msgspec.Struct):
    json: msgspec.Raw


class FileAccess:
    """Answers the question for one file, or for many at once."""

    def __init__(self, *, db: Database, permissions: Permissions, grants: Grants, chats: ChatAccess) -> None:
        self._db = db
        self._permissions = permissions
        self._grants = grants
        self._chats = chats

    async def can_access(self, user: User, file: OwnedFile, permission: str) -> bool:
        """Whether a user may read or write (`permission`) a file: administrators and its owner always."""
        return (
            user.is_admin
            or file.user_id == user.id
            or bool(await self.list_accessible_ids(user, [file.id], permission))
        )

    async def list_accessible_ids(self, user: User, ids: Collection[str], permission: str = "read") -> set[str]:
        """The files that exist and that a user may read or write, being no administrator."""
        if not ids:
            return set()
        params: dict[str, Any] = {
            "user_id": user.id,
            "group_ids": await self._permissions.list_group_ids(user.id),
            "permission": permission,
        }
        reading = permission == "read"
        text = _READABLE if reading else _WRITABLE
        found = set(await self._db.fetch_all(str, f"files.{permission}able", text, ids=list(ids), **params))
        for file_id in set(ids) - found:
            open_chat = reading and await self._through_chat(file_id, user)
            if open_chat or await self._attached(file_id, params, reading=reading):
                found.add(file_id)
        return found

    async def add_to_channel(self, channel_id: str, file_id: str, user: User) -> None:
        """Put a file into a channel; nothing happens where the user is not in it."""
        await self._db.execute(
            "files.into_channel",
            _INTO_CHANNEL,
            id=str(uuid.uuid4()),
            channel_id=channel_id,
            file_id=file_id,
            user_id=user.id,
            group_ids=await self._permissions.list_group_ids(user.id),
            permission="read",
            now=int(time.time()),
        )

    async def _through_chat(self, file_id: str, user: User) -> bool:
        """Whether a shared chat with the file, or one in a shared folder, is open to the user."""
        chats = await self._db.fetch_all(str, "files.chats", _CHATS, id=file_id)
        if await self._grants.filter_accessible_ids(user.id, "shared_chat", chats):
            return True
        for chat_id in chats:
            if await self._chats.may(chat_id, user):
                return True
        return False

    async def _attached(self, file_id: str, params: dict[str, Any], *, reading: bool) -> bool:
        """Whether a note of the file's owner, or a model, that is open to the user has the file attached."""
        like = f"%{file_id}%"
        if reading:
            notes = await self._db.fetch_all_in_thread(
                _Document, "files.notes", _NOTES, id=file_id, like=like, **params
            )
            if any(_names(msgspec.json.decode(one.json), "files", file_id) for one in notes):
                return True
            models = await self._db.fetch_all_in_thread(_Document, "files.models", _MODELS, like=like, **params)
        else:
            models = await self._db.fetch_all_in_thread(
                _Document, "files.models_of_owner", _MODELS_OF_OWNER, id=file_id, like=like, **params
            )
        for one in models:
            meta = msgspec.json.decode(one.json)
            if _names(meta, "knowledge", file_id) or (reading and file_id in _shown(meta)):
                return True
        return False


def _names(document: Any, field: str, file_id: str) -> bool:
    """Whether a list of attachments names the file."""
    listed = document.get(field) if isinstance(document, dict) else None
    return isinstance(listed, list) and any(
        isinstance(one, dict) and one.get("type") == "file" and one.get("id") == file_id for one in listed
    )


def _shown(meta: Any) -> Iterator[Any]:
    """The files that a model shows: its background and its voice avatar."""
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
