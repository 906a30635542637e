"""Parameters: the administrator's defaults, the model's own, the request's, and the options of the model's controls."""

from __future__ import annotations

from fastback.completions.turn import Turn
from fastback.config import Config
from fastback.config.keys.connections import MODELS_DEFAULT_PARAMS
from fastback.providers.parameters import apply_controls, merge_parameters


class ParametersStage:
    """Merge the parameters of a turn; later ones win."""

    name = "parameters"

    def __init__(self, config: Config) -> None:
        self._config = config

    async def run(self, turn: Turn) -> None:
        """Merge.

        Raises:
            BadRequest: an option of a control that the model does not offer.
        """
        model, request = turn.model, turn.request
        merged = merge_parameters(dict(self._config.get(MODELS_DEFAULT_PARAMS) or {}), model.own_params)
        controls = merged.pop("model_controls", {})
        compact_threshold = merged.get("compact_token_threshold")
        merged = merge_parameters(merged, request.params)
        if compact_threshold is not None:
            # What an administrator sets for a model wins over what its users set.
            merged["compact_token_threshold"] = compact_threshold
        turn.parameters = apply_controls(merged, controls, request.model_controls.get(model.id, {}))
