"""Convert chat requests in OpenAI's form to Ollama's.

Format: Ollama's API documentation, `POST /api/chat`.
"""

from __future__ import annotations

from typing import Any

import msgspec

Payload = dict[str, Any]

#: Parameters that Ollama takes in `options`.
_OPTIONS = frozenset(
    [
        "temperature",
        "top_p",
        "seed",
        "mirostat",
        "mirostat_eta",
        "mirostat_tau",
        "num_ctx",
        "num_batch",
        "num_keep",
        "num_predict",
        "repeat_last_n",
        "top_k",
        "min_p",
        "repeat_penalty",
        "presence_penalty",
        "frequency_penalty",
        "stop",
        "num_gpu",
        "use_mmap",
        "use_mlock",
        "num_thread",
        "tfs_z",
    ]
)
#: Parameters that Ollama takes beside `options`.
_ROOT_PARAMETERS = ("format", "keep_alive", "think")


def _decode_text(value: Any) -> Any:
    """Return a text that is JSON decoded; anything else as it is."""
    if isinstance(value, str):
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError:
            return value
    return value


def _convert_message(message: Payload) -> Payload:
    """Return a message in Ollama's form: one text, images apart as base64, arguments of calls as objects."""
    converted: Payload = {"role": message.get("role", "user"), "content": ""}
    thinking = message.get("thinking") or message.get("reasoning_content")
    if thinking:
        converted["thinking"] = thinking
    content = message.get("content")
    if isinstance(content, str):
        converted["content"] = content
    elif isinstance(content, list):
        texts: list[str] = []
        images: list[str] = []
        for part in content:
            if not isinstance(part, dict):
                continue
            if part.get("type") == "text":
                texts.append(str(part.get("text") or ""))
            elif part.get("type") == "image_url":
                url = str((part.get("image_url") or {}).get("url") or "")
                images.append(url.split(",", 1)[1] if url.startswith("data:") and "," in url else url)
        converted["content"] = "\n".join(texts)
        if images:
            converted["images"] = images
    calls = message.get("tool_calls")
    if calls:
        converted["tool_calls"] = [
            {
                "index": call.get("index", index),
                "id": call.get("id"),
                "function": {
                    "name": call.get("function", {}).get("name", ""),
                    "arguments": _decode_text(call.get("function", {}).get("arguments") or "{}"),
                },
            }
            for index, call in enumerate(calls)
        ]
    if message.get("tool_call_id"):
        converted["tool_call_id"] = message["tool_call_id"]
    return converted


def to_ollama(payload: Payload) -> Payload:
    """Convert an OpenAI chat payload to Ollama's form."""
    converted: Payload = {
        "model": payload.get("model"),
        "messages": [_convert_message(message) for message in payload.get("messages") or []],
        "stream": bool(payload.get("stream")),
    }
    options = dict(payload.get("options") or {})
    limit = payload.get("max_completion_tokens", payload.get("max_tokens"))
    if limit is not None:
        options.setdefault("num_predict", limit)
    for name in _OPTIONS:
        if payload.get(name) is not None:
            options.setdefault(name, payload[name])
    for name in _ROOT_PARAMETERS:
        value = options.pop(name, payload.get(name))
        if value is not None:
            converted[name] = _decode_text(value)
    if isinstance(options.get("stop"), str):
        options["stop"] = [options["stop"]]
    if options:
        converted["options"] = options
    if payload.get("tools"):
        converted["tools"] = payload["tools"]
    response_format = payload.get("response_format")
    if isinstance(response_format, dict):
        if response_format.get("type") == "json_object":
            converted["format"] = "json"
        elif response_format.get("type") == "json_schema":
            converted["format"] = (response_format.get("json_schema") or {}).get("schema")
    return converted
