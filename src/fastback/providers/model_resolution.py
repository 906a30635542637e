"""The model behind a model: the one that an arena lets answer, the one that a server knows."""

from __future__ import annotations

import random

from fastback.access.identity import User
from fastback.kit.http.errors import BadRequest, Forbidden
from fastback.providers.registry import Model, ModelRegistry


async def of_arena(registry: ModelRegistry, model: Model, user: User) -> Model:
    """One of an arena's models, by chance: whoever may use the arena may use no more models for it.

    Any other model is itself.

    Raises:
        BadRequest: the user may use none of them.
    """
    if not model.arena:
        return model
    meta = (model.entry.get("info") or {}).get("meta") or {}
    ids = meta.get("model_ids") or []
    known = await registry.all()
    usable = [one.id for one in known.values() if not one.arena]
    if ids and meta.get("filter_mode") == "exclude":
        ids = [one for one in usable if one not in ids]
    candidates = [known[one] for one in ids or usable if one in known]
    random.shuffle(candidates)
    for candidate in candidates:
        try:
            if not user.is_admin:
                await registry.check_access(user, candidate)
        except Forbidden:
            continue
        return candidate
    raise BadRequest("Model not found")


async def at_server(registry: ModelRegistry, model: Model) -> Model | None:
    """The model that a server knows: for one of the workspace the one below it, however many stand between."""
    seen = {model.id}
    while model.connection is None and model.base_model_id and model.base_model_id not in seen:
        seen.add(model.base_model_id)
        base = await registry.find(model.base_model_id)
        if base is None:
            return None
        model = base
    return model if model.connection is not None else None
