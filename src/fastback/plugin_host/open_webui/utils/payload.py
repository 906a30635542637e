"""Bodies of requests to model servers: system prompts, parameters, the form of Ollama."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from fastback.plugin_host.open_webui.utils.misc import (
    add_or_update_system_message,
    deep_update,
    replace_system_message_content,
)
from fastback.plugin_host.open_webui.utils.task import prompt_template, prompt_variables_template

Json = dict[str, Any]

#: Parameters that the server itself uses.
_OWN_PARAMETERS = frozenset(
    {
        *("stream_response", "stream_delta_chunk_size", "function_calling", "reasoning_tags", "system", "note_id"),
        *("compact_token_threshold", "tool_approval_mode", "model_controls"),
    }
)
_OPENAI_TYPES: dict[str, Callable[[Any], Any]] = {
    "temperature": float,
    "top_p": float,
    "min_p": float,
    "max_tokens": int,
    "frequency_penalty": float,
    "presence_penalty": float,
    "reasoning_effort": str,
    "seed": lambda value: value,
    "stop": lambda texts: [text.encode().decode("unicode_escape") for text in texts],
    "logit_bias": lambda value: value,
    "response_format": dict,
}


async def resolve_system_prompt(system: str | None, metadata: Json | None = None, user: Any = None) -> str:
    """Return a system prompt with its variables filled in."""
    if not system:
        return ""
    variables = (metadata or {}).get("variables") or {}
    return await prompt_template(prompt_variables_template(system, variables), user)


async def apply_system_prompt_to_body(
    system: str | None, form_data: Json, metadata: Json | None = None, user: Any = None, replace: bool = False
) -> Json:
    """Add a system prompt to the messages of a body, in place, or replace the one that they have."""
    text = await resolve_system_prompt(system, metadata, user)
    if text:
        change = replace_system_message_content if replace else add_or_update_system_message
        form_data["messages"] = change(text, form_data.get("messages", []))
    return form_data


apply_model_system_prompt_to_body = apply_system_prompt_to_body


def remove_open_webui_params(params: Json) -> Json:
    """Remove the parameters that are not for model servers, in place."""
    for name in _OWN_PARAMETERS & params.keys():
        del params[name]
    return params


def apply_model_params_to_body(params: Json, form_data: Json, mappings: dict[str, Callable[[Any], Any]]) -> Json:
    """Add parameters that a body does not have, in place, converted by the mappings."""
    for name, value in (params or {}).items():
        if value is not None and name not in form_data:
            form_data[name] = mappings[name](value) if name in mappings else value
    return form_data


def apply_model_params_to_body_openai(params: Json, form_data: Json) -> Json:
    """Add a model's parameters to a body in OpenAI's form, in place."""
    params = remove_open_webui_params(dict(params))
    custom = {name: _decode_json(value) for name, value in (params.pop("custom_params", None) or {}).items()}
    return apply_model_params_to_body(deep_update(params, custom), form_data, _OPENAI_TYPES)


def _decode_json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def convert_messages_openai_to_ollama(messages: list[Json]) -> list[Json]:
    """Return messages in Ollama's form: text, pictures and tool calls apart."""
    return [_convert_message(message) for message in messages]


def _convert_message(message: Json) -> Json:
    content = message.get("content")
    converted: Json = {"role": message["role"], "content": content if isinstance(content, str) else ""}
    if isinstance(content, list):
        texts = [part.get("text", "") for part in content if part.get("type") == "text"]
        urls = [part["image_url"]["url"] for part in content if part.get("type") == "image_url"]
        converted["content"] = "\n".join(texts)
        converted |= (
            {"images": [url.partition(",")[2] if url.startswith("data:") else url for url in urls]} if urls else {}
        )
    if message.get("tool_calls"):
        converted["tool_calls"] = [
            {
                "id": call.get("id"),
                "function": {
                    "name": call["function"].get("name", ""),
                    "arguments": _decode_json(call["function"].get("arguments") or "{}"),
                },
            }
            for call in message["tool_calls"]
        ]
    if message["role"] == "tool":
        converted["tool_call_id"] = message.get("tool_call_id", "")
    return converted


def convert_payload_openai_to_ollama(openai_payload: Json) -> Json:
    """Return a body in Ollama's form."""
    payload: Json = {
        "model": openai_payload.get("model"),
        "messages": convert_messages_openai_to_ollama(openai_payload.get("messages") or []),
        "stream": openai_payload.get("stream", False),
    }
    options = dict(openai_payload.get("options") or {})
    for name in ("format", "keep_alive", "think"):
        if options.get(name) is not None:
            payload[name] = _decode_json(options.pop(name))
    if "system" in options:
        payload["system"] = options.pop("system")
    for limit in (options.pop("max_tokens", None), openai_payload.get("max_tokens")):
        if limit is not None:
            options["num_predict"] = limit
    if "stop" in openai_payload:
        options["stop"] = openai_payload["stop"]
    if options:
        payload["options"] = options
    return {**payload, **{name: openai_payload[name] for name in ("tools", "metadata") if name in openai_payload}}
