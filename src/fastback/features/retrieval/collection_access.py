"""Who may search a collection, or write into it: what its name says of its owner decides.

`file-…` belongs to a file, `user-memory-…` and `web-search-…` to a user, `knowledge-bases` to the server alone; any
other name may be that of a knowledge. What is none of these is closed, unless a setting opens it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

import msgspec

from fastback import messages
from fastback.access.grants import build_grant_condition
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.features.files.access import FileAccess
from fastback.kit.db import Database
from fastback.kit.http.errors import Forbidden
from fastback.settings import Settings

_SAFE = re.compile(r"[A-Za-z0-9_-]{1,255}")
_KNOWLEDGE = f"""SELECT k.id, CASE WHEN k.user_id = :user_id OR {build_grant_condition("knowledge", "k.id")} THEN 1 ELSE 0 END
    FROM knowledge k WHERE k.id = ANY(:ids)"""


class _Knowledge(msgspec.Struct):
    id: str
    is_open: int


def is_safe_name(name: object) -> bool:
    """Whether a collection can have this name: ids and digests, with a word before them."""
    return isinstance(name, str) and _SAFE.fullmatch(name) is not None


def list_spellings(name: str) -> set[str]:
    """The names that may mean one collection to a store that normalises names: all of them count."""
    normalised = name.lower().replace("_", "-").strip("-")
    spellings = {normalised}
    if normalised[:1].isdigit():  # Weaviate puts a C before a digit
        spellings.add(f"c{normalised}")
    elif normalised.startswith("c") and normalised[1:2].isdigit():
        spellings.add(normalised[1:])
    return spellings


class CollectionAccess:
    """Answers for many collections at once."""

    def __init__(self, *, db: Database, permissions: Permissions, files: FileAccess, settings: Settings) -> None:
        self._db = db
        self._permissions = permissions
        self._files = files
        self._settings = settings

    async def require_access(self, names: Iterable[str], user: User, permission: str = "read") -> None:
        """Raises: Forbidden: one of the collections is not open to the user, or cannot be there."""
        required = set(names)
        if required - await self.filter_accessible(required, user, permission):
            raise Forbidden(messages.ACCESS_PROHIBITED)

    async def filter_accessible(self, names: Collection[str], user: User, permission: str = "read") -> set[str]:
        """The collections that a user may read or write (`permission`); an administrator all that can be there."""
        safe_names = {name for name in names if is_safe_name(name)}
        if user.is_admin or not safe_names:
            return safe_names
        spellings_by_name = {name: list_spellings(name) for name in safe_names}
        all_spellings = {spelling for spellings in spellings_by_name.values() for spelling in spellings}
        files = {spelling.removeprefix("file-") for spelling in all_spellings if spelling.startswith("file-")}
        open_files = await self._files.list_accessible_ids(user, files, permission)
        knowledge = await self._load_knowledge(
            {spelling for spelling in all_spellings if not _has_known_prefix(spelling)}, user, permission
        )

        def find_permission(one: str) -> bool | None:
            if one == "knowledge-bases":
                return False
            if one.startswith("file-"):
                return one.removeprefix("file-") in open_files
            if one.startswith("user-memory-"):
                return one == f"user-memory-{user.id}"
            if one.startswith("web-search-"):
                return one.startswith(f"web-search-{user.id}-")
            return knowledge.get(one)

        def is_accessible(spellings: set[str]) -> bool:
            answers = {find_permission(spelling) for spelling in spellings}
            if False in answers:
                return False
            return True in answers or self._settings.enable_retrieval_unscoped_collections

        return {name for name, spellings in spellings_by_name.items() if is_accessible(spellings)}

    async def _load_knowledge(self, ids: set[str], user: User, permission: str) -> dict[str, bool]:
        """Whether each knowledge that exists is open to the user."""
        if not ids:
            return {}
        rows = await self._db.fetch_all(
            _Knowledge,
            "retrieval.knowledge",
            _KNOWLEDGE,
            ids=list(ids),
            user_id=user.id,
            group_ids=await self._permissions.list_group_ids(user.id),
            permission=permission,
        )
        return {row.id: bool(row.is_open) for row in rows}


def _has_known_prefix(name: str) -> bool:
    return name == "knowledge-bases" or name.startswith(("file-", "user-memory-", "web-search-"))
