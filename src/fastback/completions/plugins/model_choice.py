"""Filters may have another model asked than the one that the user has chosen."""

from __future__ import annotations

from typing import Any

from fastback.completions.turn import Turn
from fastback.kit.http.errors import BadRequest, Forbidden
from fastback.providers.model_resolution import ModelResolver
from fastback.providers.parameters import add_parameters, merge_parameters
from fastback.providers.registry import ModelRegistry

Json = dict[str, Any]


class ModelChoice:
    """Take the model that a filter has put into the body of a request."""

    def __init__(self, *, registry: ModelRegistry, resolver: ModelResolver) -> None:
        self._registry = registry
        self._resolver = resolver

    async def take_model(self, turn: Turn, body: Json) -> None:
        """Remove `model` from a body, in place; where it is another model, ask that one, with its own parameters.

        Raises:
            BadRequest: there is no such model, or the user may not use it.
        """
        model_id = body.pop("model", turn.model.id)
        if model_id == turn.model.id:
            return
        model = await self._registry.find(model_id) if isinstance(model_id, str) else None
        if model is None:
            raise BadRequest("Model not found")
        try:
            await self._registry.require_access(turn.user, model)
            model = await self._resolver.choose_from_arena(model, turn.user)
            turn.server_model = await self._resolver.require_server_model(model, turn.user, has_controls=False)
        except Forbidden:
            raise BadRequest("Model not found") from None
        add_parameters(body, merge_parameters({}, model.own_params))
