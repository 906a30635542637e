"""Default models for new chats that a user's groups set in place of the global default."""

from __future__ import annotations

from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.features.groups import default_models
from fastback.kit.db import Database
from fastback.providers.registry import ModelRegistry


async def find_group_default_models(
    user: User, permissions: Permissions, db: Database, registry: ModelRegistry
) -> str | None:
    """Return the default models of the user's groups that the user can choose, separated by commas, or None."""
    group_ids = await permissions.list_group_ids(user.id)
    if not group_ids:
        return None
    default_ids = await default_models.find_default_models(db, group_ids)
    if not default_ids:
        return None
    meta = {
        model.id: (model.entry.get("info") or {}).get("meta") or {}
        for model in await registry.list_visible_models(user)
    }
    visible = [model_id for model_id in default_ids if model_id in meta and not meta[model_id].get("hidden")]
    return ",".join(visible) or None
