"""Anthropic's Messages API in terms of a chat completion, and back.

Format: Anthropic's API reference, `POST /v1/messages`: `system` (text or blocks), `messages` with blocks `text`,
`image`, `tool_use`, `tool_result`; streamed as `message_start`, `content_block_start/_delta/_stop`, `message_delta`,
`message_stop`.
"""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

Body = dict[str, Any]

_STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "end_turn"}


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(one.get("text") or "") for one in content or [] if isinstance(one, dict) and "text" in one)


def _image(block: Body) -> Body:
    source = block.get("source") or {}
    url = source.get("url") or f"data:{source.get('media_type')};base64,{source.get('data')}"
    return {"type": "image_url", "image_url": {"url": url}}


def _messages(message: Body) -> list[Body]:
    role, content = message.get("role"), message.get("content")
    if isinstance(content, str) or not isinstance(content, list):
        return [{"role": role, "content": content or ""}]
    found: list[Body] = []
    parts: list[Body] = []
    calls: list[Body] = []
    for block in content:
        kind = block.get("type")
        if kind == "text":
            parts.append({"type": "text", "text": block.get("text") or ""})
        elif kind == "image":
            parts.append(_image(block))
        elif kind == "tool_use":
            arguments = msgspec.json.encode(block.get("input") or {}).decode()
            function = {"name": block.get("name"), "arguments": arguments}
            calls.append({"id": block.get("id"), "type": "function", "function": function})
        elif kind == "tool_result":
            found.append(
                {"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": _text(block.get("content"))}
            )
    if parts or calls:
        plain = all(part["type"] == "text" for part in parts)
        said: Body = {"role": role, "content": "\n".join(part["text"] for part in parts) if plain else parts}
        if calls:
            said["tool_calls"] = calls
        found.append(said)
    return found


def to_completion(body: Body) -> Body:
    """A request of the Messages API as a chat completion."""
    messages: list[Body] = []
    if body.get("system"):
        messages.append({"role": "system", "content": _text(body["system"])})
    for message in body.get("messages") or []:
        messages.extend(_messages(message))
    found: Body = {"model": body.get("model"), "messages": messages, "stream": bool(body.get("stream"))}
    for name in ("max_tokens", "temperature", "top_p"):
        if body.get(name) is not None:
            found[name] = body[name]
    if body.get("stop_sequences"):
        found["stop"] = body["stop_sequences"]
    if body.get("tools"):
        found["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.get("name"),
                    "description": tool.get("description") or "",
                    "parameters": tool.get("input_schema") or {},
                },
            }
            for tool in body["tools"]
        ]
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        named = {"type": "function", "function": {"name": choice.get("name")}}
        found["tool_choice"] = {"auto": "auto", "any": "required", "none": "none"}.get(str(choice.get("type")), named)
    if found["stream"]:
        found["stream_options"] = {"include_usage": True}
    return found


def _usage(usage: Any) -> Body:
    usage = usage if isinstance(usage, dict) else {}
    return {"input_tokens": usage.get("prompt_tokens") or 0, "output_tokens": usage.get("completion_tokens") or 0}


def from_completion(answer: Body, model_id: str) -> Body:
    """A whole answer in Anthropic's form."""
    choice = (answer.get("choices") or [{}])[0]
    message = choice.get("message") or {}
    content: list[Body] = []
    if message.get("reasoning_content"):
        content.append({"type": "thinking", "thinking": message["reasoning_content"], "signature": ""})
    if message.get("content"):
        content.append({"type": "text", "text": message["content"]})
    for call in message.get("tool_calls") or []:
        function = call.get("function") or {}
        try:
            arguments = msgspec.json.decode(function.get("arguments") or "{}")
        except msgspec.DecodeError:
            arguments = {}
        content.append({"type": "tool_use", "id": call.get("id"), "name": function.get("name"), "input": arguments})
    return {
        "id": f"msg_{uuid.uuid4().hex[:24]}",
        "type": "message",
        "role": "assistant",
        "content": content,
        "model": model_id,
        "stop_reason": _STOPS.get(str(choice.get("finish_reason")), "end_turn"),
        "stop_sequence": None,
        "usage": _usage(answer.get("usage")),
    }


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: ".encode() + msgspec.json.encode({"type": kind, **fields}) + b"\n\n"


class MessageStream:
    """Converts the payloads of a chat completion's stream into Anthropic's events."""

    def __init__(self, model_id: str) -> None:
        self._model_id = model_id
        self._index = -1
        self._open: str | None = None
        self._stop = "end_turn"
        self._usage: Any = None

    def start(self) -> bytes:
        message: dict[str, Any] = {
            "id": f"msg_{uuid.uuid4().hex[:24]}",
            "type": "message",
            "role": "assistant",
            "content": [],
            "model": self._model_id,
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 0, "output_tokens": 0},
        }
        return _event("message_start", message=message)

    def _begin(self, kind: str, block: Body) -> bytes:
        ended = self._finish_block()
        self._index += 1
        self._open = kind
        return ended + _event("content_block_start", index=self._index, content_block=block)

    def _finish_block(self) -> bytes:
        if self._open is None:
            return b""
        self._open = None
        return _event("content_block_stop", index=self._index)

    def _delta(self, delta: Body) -> bytes:
        return _event("content_block_delta", index=self._index, delta=delta)

    def feed(self, payload: bytes) -> bytes:
        """The events of one payload."""
        try:
            chunk = msgspec.json.decode(payload)
        except msgspec.DecodeError:
            return b""
        if not isinstance(chunk, dict):
            return b""
        if chunk.get("error"):
            return _event("error", error={"type": "api_error", "message": str(chunk["error"])})
        self._usage = chunk.get("usage") or self._usage
        found = b""
        for choice in (chunk.get("choices") or [])[:1]:
            delta = choice.get("delta") or {}
            if delta.get("reasoning_content"):
                if self._open != "thinking":
                    found += self._begin("thinking", {"type": "thinking", "thinking": "", "signature": ""})
                found += self._delta({"type": "thinking_delta", "thinking": delta["reasoning_content"]})
            if delta.get("content"):
                if self._open != "text":
                    found += self._begin("text", {"type": "text", "text": ""})
                found += self._delta({"type": "text_delta", "text": delta["content"]})
            for call in delta.get("tool_calls") or []:
                function = call.get("function") or {}
                if call.get("id") or self._open != "tool_use":
                    block = {"type": "tool_use", "id": call.get("id"), "name": function.get("name"), "input": {}}
                    found += self._begin("tool_use", block)
                if function.get("arguments"):
                    found += self._delta({"type": "input_json_delta", "partial_json": function["arguments"]})
            if choice.get("finish_reason"):
                self._stop = _STOPS.get(choice["finish_reason"], "end_turn")
        return found

    def end(self) -> bytes:
        delta = {"stop_reason": self._stop, "stop_sequence": None}
        return (
            self._finish_block()
            + _event("message_delta", delta=delta, usage=_usage(self._usage))
            + _event("message_stop")
        )


def count_tokens(body: Body) -> int:
    """About how many tokens a request is: a token is some four characters, a message costs some more."""
    text = _text(body.get("system") or "")
    messages = body.get("messages") or []
    for message in messages:
        text += _text(message.get("content"))
    text += msgspec.json.encode(body.get("tools")).decode() if body.get("tools") else ""
    return max(1, len(text) // 4 + 4 * len(messages))
