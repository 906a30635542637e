"""The models that a user's groups choose for new chats, in place of everybody's."""

from __future__ import annotations

from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.features.groups import default_models
from fastback.kit.db import Database
from fastback.providers.registry import ModelRegistry


async def group_default_models(
    user: User, permissions: Permissions, db: Database, registry: ModelRegistry
) -> str | None:
    """Those of them that the user may choose, separated by commas; None where no group says anything of use."""
    ids = await permissions.list_group_ids(user.id)
    if not ids:
        return None
    chosen = await default_models.find_default_models(db, ids)
    if not chosen:
        return None
    meta = {model.id: (model.entry.get("info") or {}).get("meta") or {} for model in await registry.visible(user)}
    usable = [one for one in chosen if one in meta and not meta[one].get("hidden")]
    return ",".join(usable) or None
