"""Convert chat requests to requests to the Responses API.

Format: OpenAI's API reference, `POST /v1/responses`: `instructions` and `input` (items `message`, `function_call`,
`function_call_output`).
"""

from __future__ import annotations

from typing import Any

from fastback.kit.http.errors import BadRequest
from fastback.providers import chat_messages

Payload = dict[str, Any]

#: Parameters of chat completions that this API does not know.
_UNKNOWN_PARAMETERS = ("stream_options", "logit_bias", "frequency_penalty", "presence_penalty", "stop")
#: Types of parts that are this API's own.
_OWN_PARTS = ("input_image", "input_file")


def _convert_part(part: Payload, text_type: str) -> Payload | None:
    """Return a part of a message's content as this API takes it; None for kinds that it does not know."""
    kind = part.get("type")
    if kind == "refusal" and text_type == "output_text":
        return {"type": "refusal", "refusal": str(part.get("refusal") or "")}
    text = chat_messages.get_text(part)
    if text is not None:
        return {"type": text_type, "text": text}
    if kind == "image_url":
        image = part.get("image_url")
        url, detail = (image.get("url"), image.get("detail")) if isinstance(image, dict) else (image, None)
        if not isinstance(url, str):
            raise BadRequest("The image_url of a part of a message must be a text, or an object with a url.")
        return {"type": "input_image", "image_url": url, "detail": detail or "auto"}
    if kind == "file" and isinstance(file := part.get("file"), dict):
        fields = {name: file[name] for name in ("file_id", "file_data", "filename") if name in file}
        return {"type": "input_file", **fields} if "file_id" in fields or "file_data" in fields else None
    return part if kind in _OWN_PARTS else None


def _convert_parts(message: Payload, text_type: str) -> list[Payload]:
    converted = [_convert_part(part, text_type) for part in chat_messages.list_parts(message)]
    return [part for part in converted if part is not None]


def _convert_message(message: Payload) -> list[Payload]:
    """Return the input items that one message becomes."""
    if chat_messages.is_result(message):
        return [_convert_result(message)]
    role = message.get("role", "user")
    text_type = "output_text" if role == "assistant" else "input_text"
    calls = chat_messages.list_tool_calls(message) if role == "assistant" else []
    if not calls:
        parts = _convert_parts(message, text_type) or [{"type": text_type, "text": ""}]
        return [{"type": "message", "role": role, "content": parts}]
    text = chat_messages.join_text(message)
    text_items = [{"type": "message", "role": role, "content": [{"type": text_type, "text": text}]}]
    return [*(text_items if text.strip() else []), *map(_convert_call, calls)]


def _convert_result(message: Payload) -> Payload:
    """Return the result of a tool: a text, or parts where it holds anything else."""
    parts = _convert_parts(message, "input_text")
    is_text = all(part["type"] == "input_text" for part in parts)
    output = chat_messages.join_text(message) if is_text else parts
    return {"type": "function_call_output", "call_id": chat_messages.find_call_id(message), "output": output}


def _convert_call(call: chat_messages.ToolCall) -> Payload:
    return {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}


def _convert_tool(tool: Any) -> Any:
    if not isinstance(tool, dict) or not isinstance(function := tool.get("function"), dict):
        return tool
    converted = {"type": tool.get("type") or "function", "name": function.get("name") or ""}
    converted |= {name: function[name] for name in ("description", "parameters") if name in function}
    # The default of `strict` is true in this API, and false in chat completions.
    return {**converted, "strict": function.get("strict", False)}


def to_responses(payload: Payload) -> Payload:
    """Convert a chat payload to a request to the Responses API; system messages become the instructions.

    Raises:
        BadRequest: a message has another form than OpenAI's API gives it.
    """
    converted = {key: value for key, value in payload.items() if key != "messages" and key not in _UNKNOWN_PARAMETERS}
    messages = payload.get("messages") or []
    system = [chat_messages.join_text(message) for message in messages if message.get("role") == "system"]
    converted["input"] = [
        item for message in messages if message.get("role") != "system" for item in _convert_message(message)
    ]
    if instructions := "\n".join(text for text in system if text):
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
