"""Model resolution: from the model that a user names to the model that a server answers for."""

from __future__ import annotations

import random

import msgspec

from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys.interface import UI_DEFAULT_MODELS
from fastback.kit.http.errors import BadRequest, Forbidden
from fastback.providers.model import Model
from fastback.providers.registry import ModelRegistry
from fastback.settings import Settings


class BaseChain(msgspec.Struct):
    """The end of a chain of base models: a workspace model may be based on another workspace model.

    Attributes:
        last: the last model of the chain that exists.
        base_id: the id of the model at the end; `last.id` unless that model does not exist.
        model: the model at the end; None where the chain names a model that does not exist, or runs in a circle.
    """

    last: Model
    base_id: str
    model: Model | None


class ModelResolver:
    """Choose the model of an arena, follow base models, replace a base model that is gone."""

    def __init__(self, *, registry: ModelRegistry, config: Config, settings: Settings) -> None:
        self._registry = registry
        self._config = config
        self._settings = settings

    async def choose_from_arena(self, model: Model, user: User) -> Model:
        """Return a random model of an arena; return any other model unchanged.

        An arena lends its models no access: the user must be allowed to use the chosen model itself.

        Raises:
            BadRequest: the user may use none of the arena's models.
        """
        if not model.arena:
            return model
        arena = model.entry_info.get("meta") or {}
        ids = [model_id for model_id in arena.get("model_ids") or [] if isinstance(model_id, str)]
        models = await self._registry.get_models()
        all_ids = [candidate.id for candidate in models.values() if not candidate.arena]
        if ids and arena.get("filter_mode") == "exclude":
            ids = [model_id for model_id in all_ids if model_id not in ids]
        candidates = [models[model_id] for model_id in ids or all_ids if model_id in models]
        random.shuffle(candidates)
        for candidate in candidates:
            try:
                if not user.is_admin:
                    await self._registry.require_access(user, candidate)
            except Forbidden:
                continue
            return candidate
        raise BadRequest("Model not found")

    async def follow_bases(self, model: Model) -> BaseChain:
        """Follow `base_model_id` from model to model, to the one that a server or a plugin answers for."""
        seen = {model.id}
        while not model.is_base and model.base_model_id:
            base_id = model.base_model_id
            if base_id in seen:
                return BaseChain(model, model.id, None)
            base = await self._registry.find(base_id)
            if base is None:
                return BaseChain(model, base_id, None)
            seen.add(base_id)
            model = base
        return BaseChain(model, model.id, model)

    async def find_server_model(self, model: Model) -> Model | None:
        """Return the model at the end of the chain of base models; None where no server and no plugin has it."""
        server_model = (await self.follow_bases(model)).model
        return server_model if server_model is not None and server_model.is_base else None

    async def require_server_model(self, model: Model, user: User, *, has_controls: bool) -> Model:
        """Return the model that a server is asked for, or the fallback model where the base model is gone.

        `has_controls` says that the user chose options of the model's controls, which the fallback does not know.

        Raises:
            BadRequest: the base model is gone or the chain runs in a circle, and nothing replaces it.
            Forbidden: the user may not use the fallback model.
        """
        chain = await self.follow_bases(model)
        if chain.model is not None:
            return chain.model
        fallback = await self.find_fallback(chain.last)
        if fallback is None:
            raise BadRequest("Model not found")
        if has_controls:
            raise BadRequest("Model control options cannot be applied to the fallback model.")
        await self._registry.require_access(user, fallback)
        return fallback

    async def find_fallback(self, model: Model) -> Model | None:
        """Return the model that replaces the missing base of a workspace model: the first of the default models.

        None where the base exists, where the setting does not allow it, and where there is no default model.
        """
        if not self._settings.enable_custom_model_fallback or not model.base_model_id:
            return None
        if await self._registry.find(model.base_model_id) is not None:
            return None
        names = str(self._config.get(UI_DEFAULT_MODELS) or "").split(",")
        default_id = next((name.strip() for name in names if name.strip()), None)
        return await self._registry.find(default_id) if default_id else None
