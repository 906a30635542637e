"""Base model: which model is the server asked for?"""

from __future__ import annotations

from fastback.completions.turn import Turn
from fastback.providers.model_resolution import ModelResolver


class BaseModelStage:
    """Resolve the base of a workspace model, or the fallback of one whose base is gone."""

    name = "base_model"

    def __init__(self, resolver: ModelResolver) -> None:
        self._resolver = resolver

    async def run(self, turn: Turn) -> None:
        """Resolve.

        Raises:
            BadRequest: the base model is gone and nothing replaces it.
        """
        has_controls = bool(turn.request.model_controls.get(turn.model.id))
        turn.server_model = await self._resolver.require_server_model(turn.model, turn.user, has_controls=has_controls)
