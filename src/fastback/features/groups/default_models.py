"""The models a new chat begins with, chosen by groups: the deepest group that names models decides."""

from __future__ import annotations

from fastback.features.groups.store import GroupModels, list_group_models, list_ids_with_ancestors
from fastback.kit.db import Executor


def _measure_depth(group: GroupModels, by_id: dict[str, GroupModels]) -> int:
    """Count the groups above a group; a cycle, which only another program can have stored, is left where it closes."""
    seen = {group.id}
    depth = 0
    ancestor = by_id.get(group.parent_group_id or "")
    while ancestor is not None and ancestor.id not in seen:
        seen.add(ancestor.id)
        depth += 1
        ancestor = by_id.get(ancestor.parent_group_id or "")
    return depth


def resolve_default_models(groups: list[GroupModels]) -> tuple[list[str] | None, str | None]:
    """Return the effective models and the id of the group that names them; of equally deep groups the oldest decides.

    Both are None where no group names models. `groups` must include the groups above each.
    """
    by_id = {group.id: group for group in groups}
    candidates = [group for group in groups if group.models]
    if not candidates:
        return None, None
    source = min(candidates, key=lambda group: (-_measure_depth(group, by_id), group.created_at, group.id))
    return source.models, source.id


async def find_default_models(db: Executor, group_ids: list[str]) -> list[str] | None:
    """Return the effective default models of these groups, or None. `group_ids` must include the groups above each."""
    models, _ = resolve_default_models(await list_group_models(db, group_ids))
    return models


async def explain_default_models(db: Executor, group_id: str) -> tuple[list[str], list[str] | None, str | None]:
    """Return the models that the group itself names, its effective models, and the group they come from."""
    groups = await list_group_models(db, await list_ids_with_ancestors(db, group_id))
    own_models = next((group.models for group in groups if group.id == group_id), [])
    return own_models, *resolve_default_models(groups)
