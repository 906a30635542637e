"""What is open to a user or a group: models, knowledge and tools, for an administrator to look over."""

from __future__ import annotations

import msgspec

from fastback.access.grants import granted
from fastback.features.groups.schemas import Named
from fastback.kit.db import Executor


class Part(msgspec.Struct):
    """What can be used, and how many there are in all."""

    items: list[Named]
    total: int


class Reach(msgspec.Struct):
    models: Part
    knowledge: Part
    tools: Part


#: Kind of resource, table, which rows count, order.
_KINDS = (
    ("model", "model", "r.is_active", "r.created_at, r.id"),
    ("knowledge", "knowledge", "TRUE", "r.updated_at DESC, r.id"),
    ("tool", "tool", "TRUE", "r.updated_at DESC, r.id"),
)


async def reach(db: Executor, *, user_id: str, group_ids: list[str]) -> Reach:
    """What the user owns, or may read as themselves, as anybody or as a member; an empty `user_id`: as a member."""
    parts = []
    for kind, table, where, order in _KINDS:
        items = await db.fetch_all(
            Named,
            f"groups.reach.{table}",
            f"""SELECT r.id, r.name FROM {table} r
                WHERE {where} AND (r.user_id = :user_id OR {granted(kind, "r.id")}) ORDER BY {order}""",
            user_id=user_id,
            group_ids=group_ids,
            permission="read",
        )
        total = await db.fetch_value(f"groups.reach_count.{table}", f"SELECT count(*) FROM {table} r WHERE {where}")
        parts.append(Part(items, int(total or 0)))
    return Reach(*parts)
