"""Parameters of a request: merge those of several origins, and select what a model server is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from fastback.kit.http.errors import BadRequest
from fastback.kit.json_decoding import decode_json

Params = dict[str, Any]

#: Parameters that this server uses itself and no model server is sent.
OWN_PARAMETERS = frozenset(
    {
        "stream_response",
        "stream_delta_chunk_size",
        "function_calling",
        "reasoning_tags",
        "compact_token_threshold",
        "system",
        "note_id",
        "tool_approval_mode",
        "model_controls",
    }
)

#: Fields of a request's body that this server uses itself and no model server is sent.
OWN_FIELDS = frozenset(
    {
        "params",
        "metadata",
        "model_item",
        "background_tasks",
        "session_id",
        "chat_id",
        "id",
        "message_ids",
        "parent_id",
        "new_chat",
        "user_message",
        "parent_message",
        "assistant_message_id",
        "regeneration_message_id",
        "regeneration_prompt",
        "folder_id",
        "filter_ids",
        "tool_ids",
        "tool_servers",
        "terminal_id",
        "skill_ids",
        "features",
        "variables",
        "chat_variables",
        "files",
        "automation_id",
    }
)


def _cast_number(value: Any) -> float:
    """Return a number as it came, 0 as an integer among them; a text becomes the number that it is."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else float(value)


_CASTS: dict[str, Callable[[Any], Any]] = {
    "temperature": _cast_number,
    "top_p": _cast_number,
    "min_p": _cast_number,
    "max_tokens": int,
    "frequency_penalty": _cast_number,
    "presence_penalty": _cast_number,
    "reasoning_effort": str,
}


def merge_parameters(base: Params, override: Params) -> Params:
    """Return both; `override` wins. The custom parameters of both are kept."""
    merged = {**base, **override}
    base_custom, override_custom = base.get("custom_params"), override.get("custom_params")
    if isinstance(base_custom, dict) and (override_custom is None or isinstance(override_custom, dict)):
        merged["custom_params"] = {**base_custom, **(override_custom or {})}
    return merged


def merge_nested(base: Params, override: Params) -> Params:
    """Lay `override` over `base` at every depth; `base` is changed in place, and returned."""
    for key, value in override.items():
        current = base.get(key)
        is_nested = isinstance(value, dict) and isinstance(current, dict)
        base[key] = merge_nested(dict(current or {}), value) if is_nested else value
    return base


def apply_controls(params: Params, controls: Any, choices: Any) -> Params:
    """Add the parameters of the options that a user chose from a model's controls, in place; return the parameters.

    Raises:
        BadRequest: the model does not offer an option, or no longer does.
    """
    if not isinstance(choices, dict):
        raise BadRequest("Model control options must be an object.")
    if not isinstance(controls, dict):
        return params
    for key, choice in choices.items():
        if key in controls and (not isinstance(choice, str) or choice not in controls[key].get("options", {})):
            raise BadRequest(f"Model control {key}: the selected option is no longer available.")
    for key, control in controls.items():
        choice = choices.get(key, control.get("default"))
        if choice is not None:
            option_params = control["options"][choice].get("params") or {}
            params["custom_params"] = merge_nested(dict(params.get("custom_params") or {}), option_params)
    return params


def _decode_custom(custom: Any) -> Params:
    """Return the custom parameters; a text that is JSON is decoded."""
    decoded: Params = {}
    for key, value in (custom or {}).items() if isinstance(custom, dict) else ():
        if isinstance(value, str):
            try:
                value = decode_json(value)
            except msgspec.DecodeError:
                pass
        decoded[key] = value
    return decoded


def build_provider_parameters(params: Params) -> Params:
    """Return the parameters that an OpenAI-compatible server is sent, cast to the types of its API.

    A parameter that is an empty text is left out: it is a field that was cleared. Custom parameters stay as they are.

    Raises:
        BadRequest: a value cannot be cast.
    """
    selected = {key: value for key, value in params.items() if key not in OWN_PARAMETERS and key != "custom_params"}
    for key, value in list(selected.items()):
        cast = _CASTS.get(key)
        if value is None or value == "":
            del selected[key]
        elif cast is not None:
            try:
                selected[key] = cast(value)
            except (TypeError, ValueError, OverflowError) as error:
                raise BadRequest(f"Parameter {key}: {error}") from error
    return merge_nested(selected, _decode_custom(params.get("custom_params")))


def parse_logit_bias(text: str) -> dict[str, int]:
    """Parse `token:bias, token:bias` as the page writes it; a bias is limited to ±100.

    Raises:
        BadRequest: the text has another form.
    """
    biases: dict[str, int] = {}
    for pair in text.split(","):
        token, _, bias = pair.partition(":")
        try:
            biases[token.strip()] = max(-100, min(100, int(bias.strip())))
        except ValueError as error:
            raise BadRequest(f"Parameter logit_bias: {pair.strip()!r} is not token:bias") from error
    return biases


def select_provider_fields(body: dict[str, Any]) -> dict[str, Any]:
    """Return a request's body without the fields of this server."""
    return {key: value for key, value in body.items() if key not in OWN_FIELDS}


def add_parameters(payload: dict[str, Any], params: Params) -> None:
    """Add parameters to a payload, in place; fields that it has already win.

    Raises:
        BadRequest: as `build_provider_parameters`.
    """
    for key, value in build_provider_parameters(params).items():
        payload.setdefault(key, value)
