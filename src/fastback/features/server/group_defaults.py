"""The models that a user's groups choose for new chats, in place of everybody's."""

from __future__ import annotations

import msgspec

from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.kit.db import Database
from fastback.providers.registry import ModelRegistry


class _Group(msgspec.Struct):
    id: str
    parent_group_id: str | None
    created_at: int
    models: list[str] | None


_GROUPS = """SELECT g.id, g.parent_group_id, g.created_at, g.data -> 'config' -> 'default_models'
    FROM "group" g WHERE g.id = ANY(:ids)"""


def _depth(group: _Group, groups: dict[str, _Group]) -> int:
    """How many groups stand above one; a circle, which another program may have written, ends."""
    seen = {group.id}
    while (above := groups.get(group.parent_group_id or "")) is not None and above.id not in seen:
        seen.add(above.id)
        group = above
    return len(seen) - 1


async def group_default_models(
    user: User, permissions: Permissions, db: Database, registry: ModelRegistry
) -> str | None:
    """Those of them that the user may choose, separated by commas; None where no group says anything of use.

    Of several groups that of the greatest depth counts, then the one made first.
    """
    ids = await permissions.group_ids(user.id)
    if not ids:
        return None
    groups = {row.id: row for row in await db.all(_Group, "server.group_defaults", _GROUPS, ids=ids)}
    choosing = [group for group in groups.values() if group.models]
    if not choosing:
        return None
    chosen = min(choosing, key=lambda one: (-_depth(one, groups), one.created_at, one.id))
    meta = {model.id: (model.entry.get("info") or {}).get("meta") or {} for model in await registry.visible(user)}
    usable = [one for one in chosen.models or () if one in meta and not meta[one].get("hidden")]
    return ",".join(usable) or None
