"""Access to collections of chunks: the name of a collection decides who may search it or write to it.

`file-…` belongs to a file, `user-memory-…` and `web-search-…` to a user, `knowledge-bases` to the server; any other
name may be the id of a knowledge. All others are closed, unless a setting opens them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from fastback import messages
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.features.files.access import FileAccess
from fastback.features.knowledge import store as knowledge_store
from fastback.kit.db import Database
from fastback.kit.http.errors import Forbidden
from fastback.settings import Settings

_SAFE = re.compile(r"[A-Za-z0-9_-]{1,255}")


def is_safe_name(name: object) -> bool:
    """Return whether a collection can have this name: ids and digests, with a prefix."""
    return isinstance(name, str) and _SAFE.fullmatch(name) is not None


def list_spellings(name: str) -> set[str]:
    """Return the names that may mean the same collection to a store that normalises names; all of them are checked."""
    normalised = name.lower().replace("_", "-").strip("-")
    spellings = {normalised}
    if normalised[:1].isdigit():  # Weaviate prefixes a C to a digit
        spellings.add(f"c{normalised}")
    elif normalised.startswith("c") and normalised[1:2].isdigit():
        spellings.add(normalised[1:])
    return spellings


class CollectionAccess:
    """Checks the access to many collections at once."""

    def __init__(self, *, db: Database, permissions: Permissions, files: FileAccess, settings: Settings) -> None:
        self._db = db
        self._permissions = permissions
        self._files = files
        self._settings = settings

    async def require_access(self, names: Iterable[str], user: User, permission: str = "read") -> None:
        """Check that a user may access all of the collections.

        Raises:
            Forbidden: one of them is not accessible to the user, or its name is invalid.
        """
        required = set(names)
        if required - await self.filter_accessible(required, user, permission):
            raise Forbidden(messages.ACCESS_PROHIBITED)

    async def filter_accessible(self, names: Collection[str], user: User, permission: str = "read") -> set[str]:
        """Return the collections that a user may read or write (`permission`); for administrators all with a valid
        name."""
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

        def find_permission(name: str) -> bool | None:
            if name == "knowledge-bases":
                return False
            if name.startswith("file-"):
                return name.removeprefix("file-") in open_files
            if name.startswith("user-memory-"):
                return name == f"user-memory-{user.id}"
            if name.startswith("web-search-"):
                return name.startswith(f"web-search-{user.id}-")
            return knowledge.get(name)

        def is_accessible(spellings: set[str]) -> bool:
            permissions = {find_permission(spelling) for spelling in spellings}
            if False in permissions:
                return False
            return True in permissions or self._settings.enable_retrieval_unscoped_collections

        return {name for name, spellings in spellings_by_name.items() if is_accessible(spellings)}

    async def _load_knowledge(self, ids: set[str], user: User, permission: str) -> dict[str, bool]:
        """Return for each existing knowledge whether the user may access it."""
        if not ids:
            return {}
        return await knowledge_store.load_access(
            self._db,
            list(ids),
            user_id=user.id,
            group_ids=await self._permissions.list_group_ids(user.id),
            permission=permission,
        )


def _has_known_prefix(name: str) -> bool:
    return name == "knowledge-bases" or name.startswith(("file-", "user-memory-", "web-search-"))
