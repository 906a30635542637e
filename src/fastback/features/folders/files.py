"""Files, knowledge and notes that a folder holds for its chats: which of them somebody may read."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.grants import Grants, granted
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.features.chats.access import ChatAccess
from fastback.kit.db import Database

Entry = dict[str, Any]

_OWN = "SELECT {id} FROM {table} t WHERE t.id = ANY(:ids) AND (t.user_id = :user_id OR {granted})"
_FILES = f"""
    SELECT f.id FROM file f WHERE f.id = ANY(:ids) AND (
        f.user_id = :user_id
        OR EXISTS (SELECT 1 FROM knowledge_file kf JOIN knowledge k ON k.id = kf.knowledge_id
                   WHERE kf.file_id = f.id AND (k.user_id = :user_id OR {granted("knowledge", "k.id")}))
        OR EXISTS (SELECT 1 FROM channel_file cf JOIN channel c ON c.id = cf.channel_id
                   WHERE cf.file_id = f.id AND c.deleted_at IS NULL AND c.archived_at IS NULL AND (
                       (c.type IN ('group', 'dm') AND EXISTS (
                           SELECT 1 FROM channel_member m
                           WHERE m.channel_id = c.id AND m.user_id = :user_id AND m.is_active = TRUE))
                       OR (COALESCE(c.type, '') NOT IN ('group', 'dm')
                           AND (c.user_id = :user_id OR {granted("channel", "c.id")})))))"""
_CHATS = """SELECT c.id FROM chat_file cf JOIN chat c ON c.id = cf.chat_id
    WHERE cf.file_id = :id AND (c.share_id IS NOT NULL OR c.folder_id IS NOT NULL)"""
#: Files are named in JSON that people wrote: the text narrows, what it says decides.
_NOTES = f"""SELECT n.data FROM note n JOIN file f ON f.id = :id
    WHERE n.user_id = f.user_id AND CAST(n.data AS TEXT) LIKE :like AND {granted("note", "n.id")}"""
_MODELS = f"""SELECT m.meta FROM model m
    WHERE CAST(m.meta AS TEXT) LIKE :like AND (m.user_id = :user_id OR {granted("model", "m.id")})"""


class _Document(msgspec.Struct):
    json: msgspec.Raw


class Readable:
    """Answers which entries of a folder's `data.files` somebody may read."""

    def __init__(self, db: Database, permissions: Permissions, grants: Grants, chats: ChatAccess) -> None:
        self._db = db
        self._permissions = permissions
        self._grants = grants
        self._chats = chats

    async def all(self, entries: Any, user: User) -> bool:
        """Whether a user may read every entry; None stands for no entries, anything but a list is refused."""
        if entries is None:
            return True
        return isinstance(entries, list) and len(await self.of(entries, user)) == len(entries)

    async def of(self, entries: list[Any], user: User) -> list[Entry]:
        """The entries a user may read. Those without a known type and an id are dropped: nobody can say."""
        known = [one for one in entries if _is_entry(one)]
        if user.is_admin or not known:
            return known
        ids: dict[str, set[str]] = {"file": set(), "collection": set(), "note": set()}
        for one in known:
            ids[one["type"]].add(one["id"])
        params = {
            "user_id": user.id,
            "group_ids": await self._permissions.group_ids(user.id),
            "permission": "read",
        }
        open_ids: dict[str, set[str]] = {}
        for kind, resource in (("collection", "knowledge"), ("note", "note")):
            text = _OWN.format(id="t.id", table=resource, granted=granted(resource, "t.id"))
            found = await self._db.all(str, f"folders.{kind}s", text, ids=list(ids[kind]), **params)
            open_ids[kind] = set(found)
        open_ids["file"] = await self._files(ids["file"], user, params)
        return [one for one in known if one["id"] in open_ids[one["type"]]]

    async def _files(self, ids: set[str], user: User, params: dict[str, Any]) -> set[str]:
        found = set(await self._db.all(str, "folders.files", _FILES, ids=list(ids), **params)) if ids else set()
        for file_id in ids - found:
            if await self._through_chat(file_id, user) or await self._attached(file_id, params):
                found.add(file_id)
        return found

    async def _through_chat(self, file_id: str, user: User) -> bool:
        """Whether a shared chat with the file is open to the user."""
        chats = await self._db.all(str, "folders.file_chats", _CHATS, id=file_id)
        if await self._grants.accessible(user.id, "shared_chat", chats):
            return True
        for chat_id in chats:
            if await self._chats.may(chat_id, user):
                return True
        return False

    async def _attached(self, file_id: str, params: dict[str, Any]) -> bool:
        """Whether a note of the file's owner, or a model, that is open to the user has the file attached."""
        like = f"%{file_id}%"
        notes = await self._db.all(_Document, "folders.file_notes", _NOTES, id=file_id, like=like, **params)
        if any(_names(msgspec.json.decode(one.json), "files", file_id) for one in notes):
            return True
        models = await self._db.all(_Document, "folders.file_models", _MODELS, like=like, **params)
        for one in models:
            meta = msgspec.json.decode(one.json)
            if _names(meta, "knowledge", file_id) or _shows(meta, file_id):
                return True
        return False


def _is_entry(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and one.get("type") in ("file", "collection", "note")
        and isinstance(one.get("id"), str)
        and bool(one["id"])
    )


def _names(document: Any, field: str, file_id: str) -> bool:
    """Whether a list of attachments names the file."""
    listed = document.get(field) if isinstance(document, dict) else None
    return isinstance(listed, list) and any(
        isinstance(one, dict) and one.get("type") == "file" and one.get("id") == file_id for one in listed
    )


def _shows(meta: Any, file_id: str) -> bool:
    """Whether a model has the file as its background."""
    return isinstance(meta, dict) and meta.get("background_image_url") == f"/api/v1/files/{file_id}/content"
