"""Entries of a folder's `data.files` (files, knowledge and notes for its chats) that a user may read."""

from __future__ import annotations

from typing import Any

from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.features.files.access import FileAccess
from fastback.features.folders import entry_store
from fastback.kit.db import Database

Entry = dict[str, Any]


class ReadableEntries:
    """Decides which entries of a folder's `data.files` a user may read."""

    def __init__(self, db: Database, permissions: Permissions, files: FileAccess) -> None:
        self._db = db
        self._permissions = permissions
        self._files = files

    async def can_read_all(self, entries: Any, user: User) -> bool:
        """Return whether a user may read every entry; None means no entries, any other value but a list is refused."""
        if entries is None:
            return True
        return isinstance(entries, list) and len(await self.list_readable(entries, user)) == len(entries)

    async def list_readable(self, entries: list[Any], user: User) -> list[Entry]:
        """Return the entries that a user may read. An entry without a supported type and an id is dropped, because
        access to it cannot be checked."""
        valid = [entry for entry in entries if _is_entry(entry)]
        if user.is_admin or not valid:
            return valid
        ids: dict[str, set[str]] = {"file": set(), "collection": set(), "note": set()}
        for entry in valid:
            ids[entry["type"]].add(entry["id"])
        group_ids = await self._permissions.list_group_ids(user.id)
        readable_ids = {
            "collection": await entry_store.list_readable_knowledge(self._db, ids["collection"], user.id, group_ids),
            "note": await entry_store.list_readable_notes(self._db, ids["note"], user.id, group_ids),
            "file": await self._files.list_accessible_ids(user, ids["file"]),
        }
        return [entry for entry in valid if entry["id"] in readable_ids[entry["type"]]]


def _is_entry(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.get("type") in ("file", "collection", "note")
        and isinstance(value.get("id"), str)
        and bool(value["id"])
    )
