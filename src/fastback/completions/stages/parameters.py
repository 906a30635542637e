"""Parameters: the administrator's defaults, the model's own, the request's, and the options of the model's controls."""

from __future__ import annotations

from fastback.completions.turn import Turn
from fastback.config import Config
from fastback.config.keys.chat import CHAT_TOOL_PERMISSIONS_ENABLE
from fastback.config.keys.connections import MODELS_DEFAULT_PARAMS
from fastback.features.chats.chat_ids import is_channel
from fastback.providers.parameters import Params, apply_controls, merge_parameters

#: What an administrator sets for a model wins over what its users set.
_DECIDED_BY_MODEL = ("compact_token_threshold", "reasoning_tags", "stream_delta_chunk_size", "stream_response")


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
        if turn.is_forwarded:
            turn.parameters = model.own_params
            return
        model_params = merge_parameters(dict(self._config.get(MODELS_DEFAULT_PARAMS) or {}), model.own_params)
        controls = model_params.pop("model_controls", {})
        merged = _merge_request_parameters(model_params, request.params)
        turn.parameters = apply_controls(merged, controls, request.model_controls.get(model.id, {}))
        # No page waits for the turns of channels and automations.
        is_unattended = is_channel(request.chat_id) or bool(turn.ctx.automation_id)
        if is_unattended or not self._config.get_bool(CHAT_TOOL_PERMISSIONS_ENABLE):
            turn.parameters.pop("tool_approval_mode", None)


def _merge_request_parameters(model_params: Params, request_params: Params) -> Params:
    merged = merge_parameters(model_params, request_params)
    merged |= {name: model_params[name] for name in _DECIDED_BY_MODEL if model_params.get(name) is not None}
    # The client says in its body whether an answer streams.
    merged["stream_response"] = model_params.get("stream_response")
    return merged
