"""The groups of a user with their permissions."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.db import Executor

LIST_GROUPS = """
    WITH RECURSIVE chain(group_id) AS (
        SELECT group_id FROM group_member WHERE user_id = :user_id
        UNION
        SELECT g.parent_group_id FROM "group" g JOIN chain c ON g.id = c.group_id WHERE g.parent_group_id IS NOT NULL
    )
    SELECT g.id, COALESCE(g.name, ''), g.permissions FROM "group" g JOIN chain c ON c.group_id = g.id
    ORDER BY g.updated_at DESC, g.id"""


class Group(msgspec.Struct):
    """A group with the permissions that it gives its members."""

    id: str
    name: str
    permissions: dict[str, Any] | None


async def list_groups(db: Executor, user_id: str) -> list[Group]:
    """List the groups of a user and all groups above them, the last changed first."""
    return await db.fetch_all(Group, "permissions.list_groups", LIST_GROUPS, user_id=user_id)
