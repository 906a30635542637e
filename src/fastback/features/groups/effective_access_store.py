"""The models, knowledge bases and tools that a user or the members of a group may use, for administrators."""

from __future__ import annotations

import msgspec

from fastback.access.grants import build_granted_ids
from fastback.features.groups.schemas import NamedItem
from fastback.kit.db import Executor


class AccessibleItems(msgspec.Struct):
    """The accessible records of one kind, and the number of all records of the kind."""

    items: list[NamedItem]
    total: int


class EffectiveAccess(msgspec.Struct):
    models: AccessibleItems
    knowledge: AccessibleItems
    tools: AccessibleItems


def _is_accessible(resource_type: str) -> str:
    return f"(r.user_id = :user_id OR r.id IN ({build_granted_ids(resource_type)}))"


LIST_MODELS = f"""
    SELECT r.id, r.name FROM model r WHERE r.is_active AND {_is_accessible("model")} ORDER BY r.created_at, r.id"""
COUNT_MODELS = "SELECT count(*) FROM model r WHERE r.is_active"
LIST_KNOWLEDGE = f"""
    SELECT r.id, r.name FROM knowledge r WHERE {_is_accessible("knowledge")} ORDER BY r.updated_at DESC, r.id"""
COUNT_KNOWLEDGE = "SELECT count(*) FROM knowledge r"
LIST_TOOLS = f"SELECT r.id, r.name FROM tool r WHERE {_is_accessible('tool')} ORDER BY r.updated_at DESC, r.id"
COUNT_TOOLS = "SELECT count(*) FROM tool r"


async def list_effective_access(db: Executor, *, user_id: str, group_ids: list[str]) -> EffectiveAccess:
    """Return what the user owns or may read through grants to them, to everybody or to one of the groups.

    An empty `user_id` gives what a member of the groups may read.
    """
    params = {"user_id": user_id, "group_ids": group_ids, "permission": "read"}
    models = await db.fetch_all(NamedItem, "groups.list_models_of_user", LIST_MODELS, **params)
    model_count = await db.fetch_value("groups.count_models", COUNT_MODELS)
    knowledge = await db.fetch_all(NamedItem, "groups.list_knowledge_of_user", LIST_KNOWLEDGE, **params)
    knowledge_count = await db.fetch_value("groups.count_knowledge", COUNT_KNOWLEDGE)
    tools = await db.fetch_all(NamedItem, "groups.list_tools_of_user", LIST_TOOLS, **params)
    tool_count = await db.fetch_value("groups.count_tools", COUNT_TOOLS)
    return EffectiveAccess(
        AccessibleItems(models, int(model_count or 0)),
        AccessibleItems(knowledge, int(knowledge_count or 0)),
        AccessibleItems(tools, int(tool_count or 0)),
    )
