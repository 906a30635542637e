"""Files, knowledge and notes that a folder holds for its chats: which of them somebody may read."""

from __future__ import annotations

from typing import Any

from fastback.access.grants import build_grant_condition
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.features.files.access import FileAccess
from fastback.kit.db import Database

Entry = dict[str, Any]

_OWN = "SELECT {id} FROM {table} t WHERE t.id = ANY(:ids) AND (t.user_id = :user_id OR {granted})"


class ReadableEntries:
    """Answers which entries of a folder's `data.files` somebody may read."""

    def __init__(self, db: Database, permissions: Permissions, files: FileAccess) -> None:
        self._db = db
        self._permissions = permissions
        self._files = files

    async def can_read_all(self, entries: Any, user: User) -> bool:
        """Whether a user may read every entry; None stands for no entries, anything but a list is refused."""
        if entries is None:
            return True
        return isinstance(entries, list) and len(await self.list_readable(entries, user)) == len(entries)

    async def list_readable(self, entries: list[Any], user: User) -> list[Entry]:
        """The entries a user may read. Those without a known type and an id are dropped: nobody can say."""
        known = [one for one in entries if _is_entry(one)]
        if user.is_admin or not known:
            return known
        ids: dict[str, set[str]] = {"file": set(), "collection": set(), "note": set()}
        for one in known:
            ids[one["type"]].add(one["id"])
        params = {
            "user_id": user.id,
            "group_ids": await self._permissions.list_group_ids(user.id),
            "permission": "read",
        }
        open_ids: dict[str, set[str]] = {}
        for kind, resource in (("collection", "knowledge"), ("note", "note")):
            text = _OWN.format(id="t.id", table=resource, granted=build_grant_condition(resource, "t.id"))
            found = await self._db.fetch_all(str, f"folders.{kind}s", text, ids=list(ids[kind]), **params)
            open_ids[kind] = set(found)
        open_ids["file"] = await self._files.list_accessible_ids(user, ids["file"])
        return [one for one in known if one["id"] in open_ids[one["type"]]]


def _is_entry(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and one.get("type") in ("file", "collection", "note")
        and isinstance(one.get("id"), str)
        and bool(one["id"])
    )
