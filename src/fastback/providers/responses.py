"""OpenAI's Responses API converted from and to chat completions, for connections with `api_type: responses`.

Format: OpenAI's API reference, `POST /v1/responses`: `instructions` and `input` (items `message`, `function_call`,
`function_call_output`) in; items `reasoning`, `function_call`, `message` out. Its stream is events
`response.output_text.delta`, `response.reasoning_summary_text.delta`, `response.function_call_arguments.delta`, …,
`response.completed`, `response.incomplete`, `response.failed` or `error`.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec

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


def to_openai_completion(response: Payload) -> Payload:
    """Convert a whole response to a chat completion."""
    text, calls = "", []
    for item in response.get("output") or []:
        if item.get("type") == "message":
            parts = item.get("content") or []
            text += "".join(str(part.get("text") or "") for part in parts if part.get("type") == "output_text")
        elif item.get("type") == "function_call":
            arguments = item.get("arguments") or "{}"
            if not isinstance(arguments, str):
                arguments = msgspec.json.encode(arguments).decode()
            function = {"name": item.get("name") or "", "arguments": arguments}
            calls.append({"id": item.get("call_id") or "", "type": "function", "function": function})
    message: Payload = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
    return {
        "id": response.get("id") or "",
        "object": "chat.completion",
        "model": response.get("model") or "",
        "choices": [choice],
        "usage": response.get("usage") or {},
    }


class ResponsesToOpenAI:
    """Convert the events of one streamed response into payloads of chat-completion chunks."""

    def __init__(self, model_id: str) -> None:
        self._head = {
            "id": "chatcmpl",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": model_id,
        }
        #: Indexes of function calls among all calls, by the ids and by the output indexes of their items.
        self._call_indexes: dict[Any, int] = {}
        self._has_started = False

    def _encode_chunk(self, delta: Payload, finish_reason: str | None = None, **fields: Any) -> bytes:
        if not self._has_started:
            self._has_started = True
            delta = {"role": "assistant", **delta}
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return msgspec.json.encode({**self._head, "choices": [choice], **fields})

    def feed(self, payload: bytes) -> list[bytes]:
        """Return the payloads that one event becomes."""
        try:
            event = msgspec.json.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return []
        kind = event.get("type") if isinstance(event, dict) else None
        if kind in ("response.output_text.delta", "response.refusal.delta"):
            return [self._encode_chunk({"content": event.get("delta") or ""})]
        if kind in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
            return [self._encode_chunk({"reasoning_content": event.get("delta") or ""})]
        if kind == "response.output_item.added":
            return self._start_call(event)
        if kind == "response.function_call_arguments.delta":
            index = self._call_indexes.get(event.get("item_id"), self._call_indexes.get(event.get("output_index")))
            if index is None:
                return []
            call = {"index": index, "function": {"arguments": event.get("delta") or ""}}
            return [self._encode_chunk({"tool_calls": [call]})]
        if kind == "response.created":
            self._head["id"] = (event.get("response") or {}).get("id") or self._head["id"]
            return []
        if kind in ("response.completed", "response.incomplete"):
            return self._end(event.get("response") or {}, is_incomplete=kind == "response.incomplete")
        if kind == "response.failed":
            error = (event.get("response") or {}).get("error")
            return [msgspec.json.encode({"error": error or {"message": "The provider failed."}})]
        if kind == "error" or (kind is None and isinstance(event, dict) and event.get("error")):
            return [msgspec.json.encode({"error": event.get("error") or event})]
        return []

    def _start_call(self, event: Payload) -> list[bytes]:
        item = event.get("item") or {}
        if item.get("type") != "function_call":
            return []
        index = len(set(self._call_indexes.values()))
        for key in (item.get("id"), event.get("output_index")):
            if key is not None:
                self._call_indexes[key] = index
        function = {"name": item.get("name") or "", "arguments": item.get("arguments") or ""}
        call = {"index": index, "id": item.get("call_id"), "type": "function", "function": function}
        return [self._encode_chunk({"tool_calls": [call]})]

    def _end(self, response: Payload, *, is_incomplete: bool) -> list[bytes]:
        finish_reason = "length" if is_incomplete else ("tool_calls" if self._call_indexes else "stop")
        usage = response.get("usage")
        fields = {"usage": usage} if isinstance(usage, dict) else {}
        return [self._encode_chunk({}, finish_reason, **fields), b"[DONE]"]
