"""OpenAI's Responses API in terms of chat completions, and back, for connections with `api_type: responses`.

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
_UNKNOWN = ("stream_options", "logit_bias", "frequency_penalty", "presence_penalty", "stop")


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(one.get("text") or "") for one in parts if isinstance(one, dict) and one.get("type") == "text")


def _part(part: Payload, text_type: str) -> Payload | None:
    kind = part.get("type")
    if kind == "text":
        return {"type": text_type, "text": part.get("text") or ""}
    if kind == "image_url":
        image = part.get("image_url")
        url, detail = (image.get("url"), image.get("detail")) if isinstance(image, dict) else (image, None)
        return {"type": "input_image", "image_url": url or "", "detail": detail or "auto"}
    if kind == "file" and isinstance(file := part.get("file"), dict):
        known = {name: file[name] for name in ("file_id", "file_data", "filename") if name in file}
        return {"type": "input_file", **known} if "file_id" in known or "file_data" in known else None
    return None


def _items(message: Payload) -> list[Payload]:
    """The input items that stand for one message."""
    role, content = message.get("role", "user"), message.get("content")
    if role == "tool":
        return [{"type": "function_call_output", "call_id": message.get("tool_call_id") or "", "output": content or ""}]
    text_type = "output_text" if role == "assistant" else "input_text"
    calls = message.get("tool_calls")
    if role == "assistant" and calls:
        text = _text(content)
        said = [{"type": "message", "role": role, "content": [{"type": text_type, "text": text}]}]
        return [*(said if text.strip() else []), *map(_call, calls)]
    if isinstance(content, list):
        parts = [one for part in content if isinstance(part, dict) and (one := _part(part, text_type)) is not None]
    else:
        parts = [{"type": text_type, "text": "" if content is None else str(content)}]
    return [{"type": "message", "role": role, "content": parts}]


def _call(call: Payload) -> Payload:
    function = call.get("function") or {}
    named = {"name": function.get("name") or "", "arguments": function.get("arguments") or "{}"}
    return {"type": "function_call", "call_id": call.get("id") or "", **named}


def _tool(tool: Any) -> Any:
    if not isinstance(tool, dict) or not isinstance(function := tool.get("function"), dict):
        return tool
    found = {"type": tool.get("type") or "function", "name": function.get("name") or ""}
    found |= {name: function[name] for name in ("description", "parameters") if name in function}
    # A function is strict here unless it says otherwise; in chat completions it is not.
    return {**found, "strict": function.get("strict", False)}


def to_responses(payload: Payload) -> Payload:
    """A chat payload as the Responses API takes it."""
    found = {key: value for key, value in payload.items() if key != "messages" and key not in _UNKNOWN}
    messages = payload.get("messages") or []
    system = [one for one in messages if one.get("role") == "system"]
    found["input"] = [item for one in messages if one.get("role") != "system" for item in _items(one)]
    if system and (instructions := _text(system[-1].get("content"))):
        found["instructions"] = instructions
    for name in ("max_tokens", "max_completion_tokens"):
        if name in found:
            found["max_output_tokens"] = found.pop(name)
    if isinstance(found.get("tools"), list):
        found["tools"] = [_tool(one) for one in found["tools"]]
    choice = found.get("tool_choice")
    if isinstance(choice, dict) and isinstance(choice.get("function"), dict):
        found["tool_choice"] = {"type": "function", "name": choice["function"].get("name") or ""}
    return found


def to_openai_completion(answer: Payload) -> Payload:
    """A whole answer as a chat completion."""
    text, calls = "", []
    for item in answer.get("output") or []:
        if item.get("type") == "message":
            parts = item.get("content") or []
            text += "".join(str(one.get("text") or "") for one in parts if one.get("type") == "output_text")
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
        "id": answer.get("id") or "",
        "object": "chat.completion",
        "model": answer.get("model") or "",
        "choices": [choice],
        "usage": answer.get("usage") or {},
    }


class ResponsesToOpenAI:
    """Converts the events of one streamed answer into payloads of chat-completion chunks."""

    def __init__(self, model_id: str) -> None:
        self._head = {
            "id": "chatcmpl",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": model_id,
        }
        #: Places of function calls among all calls, by their items' ids or places.
        self._calls: dict[Any, int] = {}
        self._begun = False

    def _chunk(self, delta: Payload, finish: str | None = None, **more: Any) -> bytes:
        if not self._begun:
            self._begun = True
            delta = {"role": "assistant", **delta}
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return msgspec.json.encode({**self._head, "choices": [choice], **more})

    def feed(self, payload: bytes) -> list[bytes]:
        """The payloads that stand for one event."""
        try:
            event = msgspec.json.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return []
        kind = event.get("type") if isinstance(event, dict) else None
        if kind in ("response.output_text.delta", "response.refusal.delta"):
            return [self._chunk({"content": event.get("delta") or ""})]
        if kind in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
            return [self._chunk({"reasoning_content": event.get("delta") or ""})]
        if kind == "response.output_item.added":
            return self._added(event)
        if kind == "response.function_call_arguments.delta":
            place = self._calls.get(event.get("item_id"), self._calls.get(event.get("output_index")))
            if place is None:
                return []
            return [
                self._chunk({"tool_calls": [{"index": place, "function": {"arguments": event.get("delta") or ""}}]})
            ]
        if kind == "response.created":
            self._head["id"] = (event.get("response") or {}).get("id") or self._head["id"]
            return []
        if kind in ("response.completed", "response.incomplete"):
            return self._ended(event.get("response") or {}, short=kind == "response.incomplete")
        if kind == "response.failed":
            error = (event.get("response") or {}).get("error")
            return [msgspec.json.encode({"error": error or {"message": "The provider failed."}})]
        if kind == "error" or (kind is None and isinstance(event, dict) and event.get("error")):
            return [msgspec.json.encode({"error": event.get("error") or event})]
        return []

    def _added(self, event: Payload) -> list[bytes]:
        item = event.get("item") or {}
        if item.get("type") != "function_call":
            return []
        place = len(set(self._calls.values()))
        for name in (item.get("id"), event.get("output_index")):
            if name is not None:
                self._calls[name] = place
        function = {"name": item.get("name") or "", "arguments": item.get("arguments") or ""}
        call = {"index": place, "id": item.get("call_id"), "type": "function", "function": function}
        return [self._chunk({"tool_calls": [call]})]

    def _ended(self, response: Payload, *, short: bool) -> list[bytes]:
        finish = "length" if short else ("tool_calls" if self._calls else "stop")
        usage = response.get("usage")
        more = {"usage": usage} if isinstance(usage, dict) else {}
        return [self._chunk({}, finish, **more), b"[DONE]"]
