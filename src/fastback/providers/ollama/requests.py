"""Convert chat requests in OpenAI's form to Ollama's.

Format: Ollama's API documentation, `POST /api/chat`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.http.errors import BadRequest
from fastback.kit.json_decoding import decode_json
from fastback.providers import chat_messages

Payload = dict[str, Any]

#: Fields of chat completions that are no parameters of a model; any other field is one of Ollama's `options`, so that
#: an administrator's own parameters reach the server.
_NO_OPTIONS = frozenset(
    """model messages stream stream_options tools tool_choice parallel_tool_calls functions function_call options
    response_format max_tokens max_completion_tokens n user store metadata logit_bias logprobs top_logprobs modalities
    audio prediction reasoning_effort verbosity service_tier safety_identifier prompt_cache_key prompt_cache_retention
    web_search_options""".split()  # noqa: SIM905 (a list would take a line for each word)
)
#: Parameters that Ollama takes beside `options`.
_ROOT_PARAMETERS = ("format", "keep_alive", "think")


def _decode_text(value: Any) -> Any:
    """Return a text that is JSON decoded; anything else as it is."""
    if isinstance(value, str):
        try:
            return decode_json(value)
        except msgspec.DecodeError:
            return value
    return value


def _convert_message(message: Payload) -> Payload:
    """Return a message in Ollama's form: one text, images apart as base64, arguments of calls as objects."""
    converted: Payload = {"role": message.get("role", "user"), "content": chat_messages.join_text(message)}
    thinking = message.get("thinking") or message.get("reasoning_content") or message.get("reasoning")
    if thinking:
        converted["thinking"] = thinking
    images = [_convert_image(part) for part in chat_messages.list_parts(message) if part.get("type") == "image_url"]
    if images:
        converted["images"] = images
    calls = [_convert_call(call) for call in chat_messages.list_tool_calls(message)]
    if calls:
        converted["tool_calls"] = calls
    if chat_messages.is_result(message):
        converted["role"] = "tool"
        if message.get("name"):
            converted["tool_name"] = message["name"]
    if message.get("tool_call_id"):
        converted["tool_call_id"] = message["tool_call_id"]
    return converted


def _convert_image(part: Payload) -> str:
    """Return an image as base64, or its address where it is not in the message."""
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else None
    if not isinstance(url, str):
        raise BadRequest("The image_url of a part of a message must be an object with a url.")
    return url.split(",", 1)[1] if url.startswith("data:") and "," in url else url


def _convert_call(call: chat_messages.ToolCall) -> Payload:
    arguments = _decode_text(call.arguments)
    if not isinstance(arguments, dict):
        raise BadRequest("The arguments of a function must be a JSON object.")
    return {"index": call.index, "id": call.id or None, "function": {"name": call.name, "arguments": arguments}}


def to_ollama(payload: Payload) -> Payload:
    """Convert an OpenAI chat payload to Ollama's form.

    Raises:
        BadRequest: the payload has another form than OpenAI's API gives it.
    """
    converted: Payload = {
        "model": payload.get("model"),
        "messages": [_convert_message(message) for message in payload.get("messages") or []],
        "stream": bool(payload.get("stream")),
        **convert_parameters(payload),
    }
    if payload.get("tools"):
        converted["tools"] = payload["tools"]
    response_format = payload.get("response_format")
    if isinstance(response_format, dict):
        if response_format.get("type") == "json_object":
            converted["format"] = "json"
        elif response_format.get("type") == "json_schema":
            schema = response_format.get("json_schema")
            if not isinstance(schema, dict):
                raise BadRequest("The json_schema of response_format must be an object.")
            converted["format"] = schema.get("schema")
    return converted


def convert_parameters(payload: Payload) -> Payload:
    """Return the parameters of a payload in Ollama's form: `options`, and those that have a place beside them.

    Raises:
        BadRequest: the payload has `options` that are no object.
    """
    options = _build_options(payload)
    converted = {
        name: _decode_text(value) for name in _ROOT_PARAMETERS if (value := options.pop(name, None)) is not None
    }
    return {**converted, "options": options} if options else converted


def _build_options(payload: Payload) -> Payload:
    """Return Ollama's options: those that the payload has in Ollama's own form, then its other parameters."""
    own_options = payload.get("options") or {}
    if not isinstance(own_options, dict):
        raise BadRequest("options must be an object.")
    options = dict(own_options)
    limit = options.pop("max_tokens", payload.get("max_completion_tokens", payload.get("max_tokens")))
    if limit is not None:
        options.setdefault("num_predict", limit)
    for name, value in payload.items():
        if name not in _NO_OPTIONS and value is not None:
            options.setdefault(name, value)
    if isinstance(options.get("stop"), str):
        options["stop"] = [options["stop"]]
    return options
