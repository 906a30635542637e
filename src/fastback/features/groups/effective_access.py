"""What is open to a user or a group: models, knowledge and tools, for an administrator to look over."""

from __future__ import annotations

import msgspec

from fastback.access.grants import build_grant_condition
from fastback.features.groups.schemas import NamedItem
from fastback.kit.db import Executor


class AccessibleItems(msgspec.Struct):
    """What can be used, and how many there are in all."""

    items: list[NamedItem]
    total: int


class EffectiveAccess(msgspec.Struct):
    models: AccessibleItems
    knowledge: AccessibleItems
    tools: AccessibleItems


#: Kind of resource, table, which rows count, order.
_KINDS = (
    ("model", "model", "r.is_active", "r.created_at, r.id"),
    ("knowledge", "knowledge", "TRUE", "r.updated_at DESC, r.id"),
    ("tool", "tool", "TRUE", "r.updated_at DESC, r.id"),
)


async def list_effective_access(db: Executor, *, user_id: str, group_ids: list[str]) -> EffectiveAccess:
    """What the user owns, or may read as themselves, as anybody or as a member; an empty `user_id`: as a member."""
    parts = []
    for kind, table, where, order in _KINDS:
        items = await db.fetch_all(
            NamedItem,
            f"groups.reach.{table}",
            f"""SELECT r.id, r.name FROM {table} r
                WHERE {where} AND (r.user_id = :user_id OR {build_grant_condition(kind, "r.id")}) ORDER BY {order}""",
            user_id=user_id,
            group_ids=group_ids,
            permission="read",
        )
        total = await db.fetch_value(f"groups.reach_count.{table}", f"SELECT count(*) FROM {table} r WHERE {where}")
        parts.append(AccessibleItems(items, int(total or 0)))
    return EffectiveAccess(*parts)
