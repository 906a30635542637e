"""Parameters of a request: defaults, the workspace model's, the request's own; and what a provider may see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from fastback.kit.http.errors import BadRequest

Params = dict[str, Any]

#: Parameters that are for us, not for a provider.
OURS = frozenset(
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

#: Fields of a request's body that are for us, not for a provider.
OUR_FIELDS = frozenset(
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


def _unescaped(texts: Any) -> Any:
    if isinstance(texts, str):
        texts = [texts]
    try:
        return [one.encode().decode("unicode_escape") for one in texts]
    except (UnicodeDecodeError, AttributeError, TypeError):
        return texts


_CASTS: dict[str, Callable[[Any], Any]] = {
    "temperature": float,
    "top_p": float,
    "min_p": float,
    "max_tokens": int,
    "frequency_penalty": float,
    "presence_penalty": float,
    "reasoning_effort": str,
    "stop": _unescaped,
}


def merge(base: Params, override: Params) -> Params:
    """Parameters where `override` wins; both sets of custom parameters are kept."""
    found = {**base, **override}
    ours, theirs = base.get("custom_params"), override.get("custom_params")
    if isinstance(ours, dict) and (theirs is None or isinstance(theirs, dict)):
        found["custom_params"] = {**ours, **(theirs or {})}
    return found


def deep(base: Params, more: Params) -> Params:
    """`base` with `more` laid over it at every depth."""
    for key, value in more.items():
        known = base.get(key)
        base[key] = deep(dict(known), value) if isinstance(value, dict) and isinstance(known, dict) else value
    return base


def apply_controls(params: Params, controls: Any, chosen: Any) -> Params:
    """Add the parameters behind the options a user chose from a model's controls.

    Raises:
        BadRequest: an option that the model does not offer (any more).
    """
    if not isinstance(chosen, dict):
        raise BadRequest("Model control options must be an object.")
    if not isinstance(controls, dict):
        return params
    for key, choice in chosen.items():
        if key in controls and (not isinstance(choice, str) or choice not in controls[key].get("options", {})):
            raise BadRequest(f"Model control {key}: the selected option is no longer available.")
    for key, control in controls.items():
        choice = chosen.get(key, control.get("default"))
        if choice is not None:
            more = control["options"][choice].get("params") or {}
            params["custom_params"] = deep(dict(params.get("custom_params") or {}), more)
    return params


def _custom(custom: Any) -> Params:
    """Custom parameters; a text that is JSON stands for what it says."""
    found: Params = {}
    for key, value in (custom or {}).items() if isinstance(custom, dict) else ():
        if isinstance(value, str):
            try:
                value = msgspec.json.decode(value)
            except msgspec.DecodeError:
                pass
        found[key] = value
    return found


def for_provider(params: Params) -> Params:
    """What of the parameters goes to an OpenAI-compatible provider, cast to the types of its API."""
    found = {key: value for key, value in params.items() if key not in OURS and key != "custom_params"}
    for key, value in list(found.items()):
        cast = _CASTS.get(key)
        if value is None:
            del found[key]
        elif cast is not None:
            try:
                found[key] = cast(value)
            except (TypeError, ValueError) as error:
                raise BadRequest(f"Parameter {key}: {error}") from error
    if isinstance(found.get("logit_bias"), str):
        found["logit_bias"] = _logit_bias(found["logit_bias"])
    return deep(found, _custom(params.get("custom_params")))


def _logit_bias(text: str) -> dict[str, int]:
    """`token:bias, token:bias` as the page writes it; a bias beyond ±100 is cut there."""
    found: dict[str, int] = {}
    for pair in text.split(","):
        token, _, bias = pair.partition(":")
        try:
            found[token.strip()] = max(-100, min(100, int(bias.strip())))
        except ValueError as error:
            raise BadRequest(f"Parameter logit_bias: {pair.strip()!r} is not token:bias") from error
    return found


def body_for_provider(body: dict[str, Any], params: Params) -> dict[str, Any]:
    """A request's body without our fields, with the parameters it does not set itself."""
    found = {key: value for key, value in body.items() if key not in OUR_FIELDS}
    for key, value in for_provider(params).items():
        if key not in found:
            found[key] = value
    return found
