"""What a user may do: the default permissions, widened by every group they belong to, directly or through a parent.

A group's member belongs to the group's parents too; a permission is given when any of them gives it.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import msgspec

from fastback.access.events import GroupsChanged, UserDeleted
from fastback.config import Config
from fastback.config.keys.permissions import USER_PERMISSIONS
from fastback.kit.bus import Bus
from fastback.kit.db import Database

PermissionTree = dict[str, Any]

_GROUPS = """
    WITH RECURSIVE chain(group_id) AS (
        SELECT group_id FROM group_member WHERE user_id = :user_id
        UNION
        SELECT g.parent_group_id FROM "group" g JOIN chain c ON g.id = c.group_id WHERE g.parent_group_id IS NOT NULL
    )
    SELECT g.id, COALESCE(g.name, ''), g.permissions FROM "group" g JOIN chain c ON c.group_id = g.id
    ORDER BY g.updated_at DESC, g.id"""


class Group(msgspec.Struct):
    """A group, as far as its members' rights go."""

    id: str
    name: str
    permissions: dict[str, Any] | None


def fill_missing(tree: PermissionTree, template: PermissionTree) -> PermissionTree:
    """Add to `tree` what only `template` has, at every depth."""
    for key, value in template.items():
        if key not in tree:
            tree[key] = deepcopy(value)
        elif isinstance(value, dict) and isinstance(tree[key], dict):
            fill_missing(tree[key], value)
    return tree


def merge_permissions(tree: PermissionTree, more: PermissionTree) -> PermissionTree:
    """Give in `tree` whatever `more` gives: the wider of both at every leaf."""
    for key, value in more.items():
        if isinstance(value, dict):
            below = tree.get(key)
            tree[key] = merge_permissions(below if isinstance(below, dict) else {}, value)
        else:
            tree[key] = tree.get(key) or value
    return tree


def is_granted(tree: Any, key: str) -> bool:
    """Whether the permission at a dotted key is given."""
    for part in key.split("."):
        if not isinstance(tree, dict) or part not in tree:
            return False
        tree = tree[part]
    return bool(tree)


class Permissions:
    """Permissions and group memberships, remembered until groups or the configuration change."""

    def __init__(self, db: Database, config: Config, bus: Bus) -> None:
        self._db = db
        self._config = config
        self._groups: dict[str, list[Group]] = {}
        self._trees: dict[str, tuple[int, PermissionTree]] = {}
        bus.subscribe(GroupsChanged, lambda event: self._forget(event.user_ids))
        bus.subscribe(UserDeleted, lambda event: self._forget((event.user_id,)))

    def _forget(self, user_ids: tuple[str, ...]) -> None:
        if not user_ids or len(self._groups) > 10_000:
            self._groups.clear()
            self._trees.clear()
        for user_id in user_ids:
            self._groups.pop(user_id, None)
            self._trees.pop(user_id, None)

    def get_defaults(self) -> PermissionTree:
        """What every user may: the stored defaults, missing leaves filled in; a copy."""
        stored = deepcopy(self._config.get(USER_PERMISSIONS) or {})
        return fill_missing(stored, self._config.default(USER_PERMISSIONS))

    async def _groups_of(self, user_id: str) -> list[Group]:
        known = self._groups.get(user_id)
        if known is None:
            known = self._groups[user_id] = await self._db.fetch_all(
                Group, "permissions.groups", _GROUPS, user_id=user_id
            )
        return known

    async def list_groups(self, user_id: str) -> list[Group]:
        """The groups a user belongs to, inherited ones included, the one changed last first. Shared: change none."""
        return await self._groups_of(user_id)

    async def list_group_ids(self, user_id: str) -> list[str]:
        """The groups a user belongs to, inherited ones included."""
        return [group.id for group in await self._groups_of(user_id)]

    async def get_tree(self, user_id: str) -> PermissionTree:
        """The whole tree of a user's permissions. It is shared: change a copy, never this one."""
        known = self._trees.get(user_id)
        if known is not None and known[0] == self._config.version:
            return known[1]
        tree = self.get_defaults()
        for group in await self._groups_of(user_id):
            merge_permissions(tree, group.permissions or {})
        self._trees[user_id] = (self._config.version, tree)
        return tree

    async def has(self, user_id: str, key: str) -> bool:
        """Whether a user has the permission at a dotted key. Administrators are not treated apart here."""
        return is_granted(await self.get_tree(user_id), key)
