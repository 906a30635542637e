"""The models a new chat begins with, as groups say it: the deepest group with an opinion counts."""

from __future__ import annotations

import msgspec

from fastback.features.groups.store import with_ancestors
from fastback.kit.db import Executor


class _Config(msgspec.Struct):
    default_models: list[str] | None = None


class _Data(msgspec.Struct):
    config: _Config | None = None


class GroupModels(msgspec.Struct):
    """A group with its place in the tree and the models it names."""

    id: str
    parent_group_id: str | None
    created_at: int
    data: msgspec.Raw

    @property
    def models(self) -> list[str]:
        try:
            data = msgspec.json.decode(self.data, type=_Data | None)
        except msgspec.ValidationError:
            return []
        return (data.config.default_models if data and data.config else None) or []


async def list_group_models(db: Executor, group_ids: list[str]) -> list[GroupModels]:
    text = 'SELECT id, parent_group_id, created_at, data FROM "group" WHERE id = ANY(:ids)'
    return await db.fetch_all(GroupModels, "groups.opinions", text, ids=group_ids)


def _depth(group: GroupModels, by_id: dict[str, GroupModels]) -> int:
    """How many groups lie above; a circle, which only another program can have made, ends where it closes."""
    seen = {group.id}
    depth = 0
    above = by_id.get(group.parent_group_id or "")
    while above is not None and above.id not in seen:
        seen.add(above.id)
        depth += 1
        above = by_id.get(above.parent_group_id or "")
    return depth


def resolve_default_models(groups: list[GroupModels]) -> tuple[list[str] | None, str | None]:
    """The models that count, and the group that names them; of equally deep groups the oldest.

    `groups` must hold the groups above each.
    """
    by_id = {group.id: group for group in groups}
    speaking = [group for group in groups if group.models]
    if not speaking:
        return None, None
    winner = min(speaking, key=lambda group: (-_depth(group, by_id), group.created_at, group.id))
    return winner.models, winner.id


async def explain_default_models(db: Executor, group_id: str) -> tuple[list[str], list[str] | None, str | None]:
    """The models that the group itself names, those that count for it, and the group they come from."""
    groups = await list_group_models(db, await with_ancestors(db, group_id))
    own = next((group.models for group in groups if group.id == group_id), [])
    return own, *resolve_default_models(groups)
