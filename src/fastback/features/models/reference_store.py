"""Rows of other tables that a workspace model refers to: their owners, and whether they are active."""

from __future__ import annotations

from typing import Literal

import msgspec

from fastback.kit.db import Executor

ResourceKind = Literal["note", "knowledge", "skill", "tool", "function"]

FIND_NOTE = "SELECT user_id, TRUE AS is_active FROM note WHERE id = :id"
FIND_KNOWLEDGE = "SELECT user_id, TRUE AS is_active FROM knowledge WHERE id = :id"
FIND_SKILL = "SELECT user_id, is_active FROM skill WHERE id = :id"
FIND_TOOL = "SELECT user_id, TRUE AS is_active FROM tool WHERE id = :id"
FIND_FUNCTION = "SELECT user_id, is_active FROM function WHERE id = :id"

#: Name and text of the statement that finds a resource of each kind.
_STATEMENTS: dict[ResourceKind, tuple[str, str]] = {
    "note": ("models.note", FIND_NOTE),
    "knowledge": ("models.knowledge", FIND_KNOWLEDGE),
    "skill": ("models.skill", FIND_SKILL),
    "tool": ("models.tool", FIND_TOOL),
    "function": ("models.function", FIND_FUNCTION),
}


class Resource(msgspec.Struct):
    """A resource that a model refers to; kinds that cannot be switched off are always active."""

    user_id: str | None
    is_active: bool


async def find_resource(db: Executor, kind: ResourceKind, resource_id: str) -> Resource | None:
    name, text = _STATEMENTS[kind]
    return await db.fetch_first(Resource, name, text, id=resource_id)
