"""Permissions of a user: the default permissions, extended by every group they belong to, directly or through a parent.

A member of a group belongs to the group's parents, too; a permission is granted where any of them grants it.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from fastback.access import permission_store
from fastback.access.events import GroupsChanged, UserDeleted
from fastback.access.permission_store import Group
from fastback.config import Config
from fastback.config.keys.permissions import USER_PERMISSIONS
from fastback.kit.bus import Bus, EventsLost
from fastback.kit.db import Database

__all__ = ["Group", "PermissionTree", "Permissions", "fill_missing", "is_granted", "merge_permissions"]

PermissionTree = dict[str, Any]

#: The caches are emptied when they hold the groups of more users than this.
_MAX_CACHED = 10_000


def fill_missing(tree: PermissionTree, template: PermissionTree) -> PermissionTree:
    """Add to `tree`, in place and at every depth, the keys that only `template` has, and return it."""
    for key, value in template.items():
        if key not in tree:
            tree[key] = deepcopy(value)
        elif isinstance(value, dict) and isinstance(tree[key], dict):
            fill_missing(tree[key], value)
    return tree


def merge_permissions(tree: PermissionTree, other: PermissionTree) -> PermissionTree:
    """Grant in `tree`, in place, every permission that `other` grants, and return it."""
    for key, value in other.items():
        if isinstance(value, dict):
            subtree = tree.get(key)
            tree[key] = merge_permissions(subtree if isinstance(subtree, dict) else {}, value)
        else:
            tree[key] = tree.get(key) or value
    return tree


def is_granted(tree: Any, key: str) -> bool:
    """Return whether the tree grants the permission at a dotted key."""
    for part in key.split("."):
        if not isinstance(tree, dict) or part not in tree:
            return False
        tree = tree[part]
    return bool(tree)


class Permissions:
    """Permissions and group memberships, cached until groups or the configuration change."""

    def __init__(self, db: Database, config: Config, bus: Bus) -> None:
        self._db = db
        self._config = config
        self._groups: dict[str, list[Group]] = {}
        #: By user id, the version of the configuration and the tree.
        self._trees: dict[str, tuple[int, PermissionTree]] = {}
        #: Counts what was dropped: groups that were read before are not cached.
        self._drop_count = 0
        bus.subscribe(GroupsChanged, lambda event: self._forget(event.user_ids), elsewhere=True)
        bus.subscribe(UserDeleted, lambda event: self._forget((event.user_id,)), elsewhere=True)
        bus.subscribe(EventsLost, lambda event: self._forget(()))

    @property
    def version(self) -> int:
        """A number that changes with the groups and memberships that were read."""
        return self._drop_count

    def _forget(self, user_ids: tuple[str, ...]) -> None:
        """Drop the cached groups and trees of these users; without ids, of all users."""
        self._drop_count += 1
        if not user_ids or len(self._groups) > _MAX_CACHED:
            self._groups.clear()
            self._trees.clear()
        for user_id in user_ids:
            self._groups.pop(user_id, None)
            self._trees.pop(user_id, None)

    def get_defaults(self) -> PermissionTree:
        """Return a copy of the default permissions: the stored ones, completed by the initial ones."""
        stored = deepcopy(self._config.get(USER_PERMISSIONS) or {})
        return fill_missing(stored, self._config.get_default(USER_PERMISSIONS))

    async def list_groups(self, user_id: str) -> list[Group]:
        """List a user's groups, the last changed first, inherited ones included. Do not change the shared list."""
        groups = self._groups.get(user_id)
        if groups is None:
            drop_count = self._drop_count
            groups = await permission_store.list_groups(self._db, user_id)
            if drop_count == self._drop_count:
                self._groups[user_id] = groups
        return groups

    async def list_group_ids(self, user_id: str) -> list[str]:
        """List the ids of a user's groups, inherited ones included."""
        return [group.id for group in await self.list_groups(user_id)]

    async def get_tree(self, user_id: str) -> PermissionTree:
        """Return all permissions of a user. The tree is shared: change only a copy of it."""
        cached = self._trees.get(user_id)
        if cached is not None and cached[0] == self._config.version:
            return cached[1]
        drop_count, version = self._drop_count, self._config.version
        tree = self.get_defaults()
        for group in await self.list_groups(user_id):
            merge_permissions(tree, group.permissions or {})
        if drop_count == self._drop_count:
            self._trees[user_id] = (version, tree)
        return tree

    async def has(self, user_id: str, key: str) -> bool:
        """Return whether a user has the permission at a dotted key. Administrators are not handled here."""
        return is_granted(await self.get_tree(user_id), key)
