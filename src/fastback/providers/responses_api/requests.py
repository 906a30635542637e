"""Convert chat requests to requests to the Responses API.

Format: OpenAI's API reference, `POST /v1/responses`: `instructions` and `input` (items `message`, `function_call`,
`function_call_output`).
"""

from __future__ import annotations

from typing import Any

Payload = dict[str, Any]

#: Parameters of chat completions that this API does not know.
_UNKNOWN_PARAMETERS = ("stream_options", "logit_bias", "frequency_penalty", "presence_penalty", "stop")


def _join_text(content: Any) -> str:
    """Return the text of a message's content."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(
        str(part.get("text") or "") for part in parts if isinstance(part, dict) and part.get("type") == "text"
    )


def _convert_part(part: Payload, text_type: str) -> Payload | None:
    """Return a part of a message's content as this API takes it; None for kinds that it does not know."""
    kind = part.get("type")
    if kind == "text":
        return {"type": text_type, "text": part.get("text") or ""}
    if kind == "image_url":
        image = part.get("image_url")
        url, detail = (image.get("url"), image.get("detail")) if isinstance(image, dict) else (image, None)
        return {"type": "input_image", "image_url": url or "", "detail": detail or "auto"}
    if kind == "file" and isinstance(file := part.get("file"), dict):
        fields = {name: file[name] for name in ("file_id", "file_data", "filename") if name in file}
        return {"type": "input_file", **fields} if "file_id" in fields or "file_data" in fields else None
    return None


def _convert_message(message: Payload) -> list[Payload]:
    """Return the input items that one message becomes."""
    role, content = message.get("role", "user"), message.get("content")
    if role == "tool":
        return [{"type": "function_call_output", "call_id": message.get("tool_call_id") or "", "output": content or ""}]
    text_type = "output_text" if role == "assistant" else "input_text"
    calls = message.get("tool_calls")
    if role == "assistant" and calls:
        text = _join_text(content)
        text_items = [{"type": "message", "role": role, "content": [{"type": text_type, "text": text}]}]
        return [*(text_items if text.strip() else []), *map(_convert_call, calls)]
    if isinstance(content, list):
        converted = [_convert_part(part, text_type) for part in content if isinstance(part, dict)]
        parts = [part for part in converted if part is not None]
    else:
        parts = [{"type": text_type, "text": "" if content is None else str(content)}]
    return [{"type": "message", "role": role, "content": parts}]


def _convert_call(call: Payload) -> Payload:
    function = call.get("function") or {}
    fields = {"name": function.get("name") or "", "arguments": function.get("arguments") or "{}"}
    return {"type": "function_call", "call_id": call.get("id") or "", **fields}


def _convert_tool(tool: Any) -> Any:
    if not isinstance(tool, dict) or not isinstance(function := tool.get("function"), dict):
        return tool
    converted = {"type": tool.get("type") or "function", "name": function.get("name") or ""}
    converted |= {name: function[name] for name in ("description", "parameters") if name in function}
    # The default of `strict` is true in this API, and false in chat completions.
    return {**converted, "strict": function.get("strict", False)}


def to_responses(payload: Payload) -> Payload:
    """Convert a chat payload to a request to the Responses API; the last system message becomes the instructions."""
    converted = {key: value for key, value in payload.items() if key != "messages" and key not in _UNKNOWN_PARAMETERS}
    messages = payload.get("messages") or []
    system = [message for message in messages if message.get("role") == "system"]
    converted["input"] = [
        item for message in messages if message.get("role") != "system" for item in _convert_message(message)
    ]
    if system and (instructions := _join_text(system[-1].get("content"))):
        converted["instructions"] = instructions
    for name in ("max_tokens", "max_completion_tokens"):
        if name in converted:
            converted["max_output_tokens"] = converted.pop(name)
    if isinstance(converted.get("tools"), list):
        converted["tools"] = [_convert_tool(tool) for tool in converted["tools"]]
    choice = converted.get("tool_choice")
    if isinstance(choice, dict) and isinstance(choice.get("function"), dict):
        converted["tool_choice"] = {"type": "function", "name": choice["function"].get("name") or ""}
    return converted
