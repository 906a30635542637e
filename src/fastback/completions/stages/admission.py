"""Admission: may the user use the model, and which model does an arena choose?"""

from __future__ import annotations

from fastback.access.identity import User
from fastback.completions.turn import Turn
from fastback.completions.turn_slots import TurnSlots
from fastback.kit.http.errors import BadRequest, Forbidden, ServiceUnavailable
from fastback.kit.tasks import Tasks
from fastback.providers.model import Model
from fastback.providers.model_resolution import ModelResolver
from fastback.providers.registry import ModelRegistry


class Admission:
    """Admit users to models. Entrances that write before the turn starts call the methods themselves.

    A server that stops admits no further turn.
    """

    name = "admission"

    def __init__(self, *, registry: ModelRegistry, resolver: ModelResolver, tasks: Tasks, slots: TurnSlots) -> None:
        self._registry = registry
        self._slots = slots
        self._resolver = resolver
        self._tasks = tasks

    async def run(self, turn: Turn) -> None:
        model = turn.admitted_model or await self.require_model(turn.request.model_id, turn.user)
        turn.requested_model = turn.model = model
        if model.arena:
            turn.model = await self._resolver.choose_from_arena(model, turn.user)
            turn.selected_model_id = turn.model.id

    def require_free_slots(self, user: User, count: int = 1) -> None:
        """Require that a user may start `count` turns now.

        Raises:
            HttpError: as `TurnSlots.require_free`.
        """
        self._slots.require_free(user.id, count)

    async def require_model(self, model_id: str, user: User) -> Model:
        """Return the model of an id.

        Raises:
            BadRequest: there is no such model, or the user may not use it. ServiceUnavailable: the server stops.
        """
        if self._tasks.stopping.is_set():
            raise ServiceUnavailable("The server is stopping. Please try again in a moment.")
        model = await self._registry.find(model_id)
        if model is None:
            raise BadRequest("Model not found")
        is_base_replaced = await self._resolver.find_fallback(model) is not None
        try:
            await self._registry.require_access(user, model, without_base=is_base_replaced)
        except Forbidden as error:
            raise BadRequest(error.detail) from error
        return model

    async def find_openai_model(self, model_id: str, user: User) -> Model | None:
        """Return the model of an OpenAI-compatible server behind a model; None where no such server has it.

        Raises:
            Forbidden: the user may not use it; also where it does not exist, which users must not learn.
        """
        model = await self._registry.find(model_id)
        if model is None:
            if not user.is_admin:
                raise Forbidden("Model not found")
            return None
        await self._registry.require_access(user, model)
        server_model = await self._resolver.find_server_model(model)
        if server_model is None or server_model.connection is None or server_model.owned_by != "openai":
            return None
        return server_model
