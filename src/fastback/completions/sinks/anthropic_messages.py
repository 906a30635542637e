"""Chat completions converted to the form of Anthropic's Messages API, whole and streamed.

Format: Anthropic's API reference: a stream is `message_start`, `content_block_start/_delta/_stop` for each block,
`message_delta`, `message_stop`; a stream that fails ends with `error`.
"""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

Body = dict[str, Any]

_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "end_turn"}
_STREAM_FAILED = "Chat completion stream failed"


def _create_id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex[:24]}"


def _convert_usage(usage: Body) -> Body:
    """Return a server's token counts under Anthropic's names; counts that it does not give are left out."""
    created, read = usage.get("cache_creation_input_tokens"), usage.get("cache_read_input_tokens")
    details = usage.get("prompt_tokens_details")
    if read is None and isinstance(details, dict):
        read = details.get("cached_tokens")
    input_tokens = usage.get("input_tokens")
    if input_tokens is None and usage.get("prompt_tokens") is not None:
        input_tokens = max(usage["prompt_tokens"] - (created or 0) - (read or 0), 0)
    output_tokens = usage.get("output_tokens")
    counts = {
        "input_tokens": input_tokens,
        "output_tokens": usage.get("completion_tokens") if output_tokens is None else output_tokens,
        "cache_creation_input_tokens": created,
        "cache_read_input_tokens": read,
    }
    for name in ("output_tokens_details", "server_tool_use"):
        if isinstance(usage.get(name), dict):
            counts[name] = usage[name]
    counts["service_tier"] = usage.get("service_tier")
    return {name: value for name, value in counts.items() if value is not None}


def _build_thinking_blocks(message: Body) -> list[Body]:
    """Return the blocks of a model's reasoning, under whatever name its server gives it."""
    thinking = message.get("thinking")
    blocks = message.get("thinking_blocks") or (thinking.get("blocks") if isinstance(thinking, dict) else None) or []
    converted: list[Body] = []
    for block in blocks:
        if not isinstance(block, dict):
            continue
        if block.get("type") == "redacted_thinking":
            converted.append({name: block[name] for name in ("type", "data") if name in block})
        elif text := block.get("thinking") or block.get("content") or block.get("text"):
            signature = {"signature": block["signature"]} if block.get("signature") else {}
            converted.append({"type": "thinking", "thinking": text, **signature})
    text = message.get("reasoning_content") or message.get("reasoning")
    text = text or (thinking if isinstance(thinking, str) else None)
    return converted or ([{"type": "thinking", "thinking": text}] if text else [])


def convert_completion(completion: Body, model_id: str, input_tokens: int | None = None) -> Body:
    """Convert a whole completion; `input_tokens` is used where the server does not count them."""
    choice = (completion.get("choices") or [{}])[0]
    message = choice.get("message") or {}
    content = _build_thinking_blocks(message)
    if message.get("content"):
        content.append({"type": "text", "text": message["content"]})
    for call in message.get("tool_calls") or []:
        function = call.get("function") or {}
        try:
            arguments = msgspec.json.decode(function.get("arguments") or "{}")
        except (msgspec.DecodeError, TypeError):
            arguments = {}
        name = function.get("name") or ""
        call_id = call.get("id") or _create_id("toolu")
        content.append({"type": "tool_use", "id": call_id, "name": name, "input": arguments})
    usage = completion.get("usage")
    return {
        "id": completion.get("id") or _create_id("msg"),
        "type": "message",
        "role": "assistant",
        "content": content,
        "model": model_id or completion.get("model") or "",
        "stop_reason": _STOP_REASONS.get(str(choice.get("finish_reason")), "end_turn"),
        "stop_sequence": None,
        "usage": {
            "input_tokens": input_tokens or 0,
            "output_tokens": 0,
            **_convert_usage(usage if isinstance(usage, dict) else {}),
        },
    }


def _format_event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: ".encode() + msgspec.json.encode({"type": kind, **fields}) + b"\n\n"


class _ToolCall(msgspec.Struct):
    """A call under way. Its block starts when its name is known, and stops when its arguments are complete JSON."""

    id: str
    name: str = ""
    arguments: str = ""
    #: The index of its block; -1 before the block starts.
    block_index: int = -1
    is_closed: bool = False


class MessageStream:
    """Convert the payloads of a chat completion's stream into Anthropic's events."""

    def __init__(self, model_id: str, input_tokens: int | None = None) -> None:
        self._model_id = model_id
        self._usage: Body = {} if input_tokens is None else {"input_tokens": input_tokens}
        self._next_index = 0
        #: The kind of the open block, `thinking` or `text`; None where none is open.
        self._open_kind: str | None = None
        self._calls: dict[str, _ToolCall] = {}
        #: Ids of calls by their index in the stream, for deltas that carry no id.
        self._call_ids: dict[int, str] = {}
        self._stop_reason = "end_turn"
        self._has_failed = False

    def start(self) -> bytes:
        """Return the event that starts the stream."""
        message: Body = {
            "id": _create_id("msg"),
            "type": "message",
            "role": "assistant",
            "content": [],
            "model": self._model_id,
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": self._usage.get("input_tokens", 0), "output_tokens": 0},
        }
        return _format_event("message_start", message=message)

    def fail(self, text: str = _STREAM_FAILED) -> bytes:
        """Return the event that ends a stream that failed; nothing follows it."""
        self._has_failed = True
        return _format_event("error", error={"type": "api_error", "message": text})

    def feed(self, payload: bytes) -> bytes:
        """Return the events of one payload."""
        if self._has_failed:
            return b""
        try:
            chunk = msgspec.json.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return b""
        if not isinstance(chunk, dict):
            return b""
        if error := chunk.get("error"):
            return self.fail(str((error.get("message") if isinstance(error, dict) else error) or _STREAM_FAILED))
        if isinstance(chunk.get("usage"), dict):
            self._usage |= _convert_usage(chunk["usage"])
        choices = chunk.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            return b""
        choice = choices[0]
        delta, message = choice.get("delta") or {}, choice.get("message") or {}
        events = b""
        reasoning = _find_reasoning(delta) or _find_reasoning(message)
        if reasoning and self._open_kind != "text" and not self._has_call():
            events += self._add_text("thinking", {"type": "thinking_delta", "thinking": reasoning})
        if (text := delta.get("content")) and not self._has_call():
            events += self._add_text("text", {"type": "text_delta", "text": text})
        if calls := delta.get("tool_calls") or message.get("tool_calls"):
            events += self._close_block()
            events += b"".join(self._add_call(call) for call in calls)
        if choice.get("finish_reason") is not None:
            self._stop_reason = _STOP_REASONS.get(str(choice["finish_reason"]), "end_turn")
        return events

    def _has_call(self) -> bool:
        """Return whether a call has begun: in Anthropic's form texts come before all calls."""
        return any(call.block_index >= 0 for call in self._calls.values())

    def _add_text(self, kind: str, delta: Body) -> bytes:
        events = b""
        if self._open_kind != kind:
            events = self._close_block()
            self._open_kind = kind
            events += _format_event(
                "content_block_start", index=self._next_index, content_block={"type": kind, kind: ""}
            )
        return events + _format_event("content_block_delta", index=self._next_index, delta=delta)

    def _close_block(self) -> bytes:
        if self._open_kind is None:
            return b""
        self._open_kind = None
        self._next_index += 1
        return _format_event("content_block_stop", index=self._next_index - 1)

    def _get_call(self, delta: Body) -> _ToolCall:
        """Return the call that a delta belongs to: by its id, or by its index where it has no id."""
        index, call_id = delta.get("index", 0), delta.get("id") or ""
        call_id = call_id or self._call_ids.get(index) or _create_id("toolu")
        self._call_ids[index] = call_id
        return self._calls.setdefault(call_id, _ToolCall(call_id))

    def _add_call(self, delta: Body) -> bytes:
        call, function = self._get_call(delta), delta.get("function") or {}
        call.name = call.name or function.get("name") or ""
        events = self._start_call(call)
        fragment = function.get("arguments") or ""
        if not fragment:
            return events
        call.arguments += fragment
        if call.block_index < 0 or call.is_closed:
            return events
        arguments_delta = {"type": "input_json_delta", "partial_json": fragment}
        events += _format_event("content_block_delta", index=call.block_index, delta=arguments_delta)
        if _is_complete_json(call.arguments):
            call.is_closed = True
            events += _format_event("content_block_stop", index=call.block_index)
        return events

    def _start_call(self, call: _ToolCall) -> bytes:
        if call.block_index >= 0 or not call.name:
            return b""
        call.block_index = self._next_index
        self._next_index += 1
        block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        return _format_event("content_block_start", index=call.block_index, content_block=block)

    def end(self) -> bytes:
        """Return the events that end a stream that went well; nothing after `fail`."""
        if self._has_failed:
            return b""
        events = self._close_block()
        for call in self._calls.values():
            if call.block_index >= 0 and not call.is_closed:
                events += _format_event("content_block_stop", index=call.block_index)
        usage = {"output_tokens": 0, **self._usage}
        counts = {"output_tokens": usage.pop("output_tokens"), **usage}
        delta = {"stop_reason": self._stop_reason, "stop_sequence": None}
        return events + _format_event("message_delta", delta=delta, usage=counts) + _format_event("message_stop")


def _find_reasoning(delta: Body) -> str:
    reasoning = delta.get("reasoning_content") or delta.get("reasoning") or delta.get("thinking")
    if isinstance(reasoning, str) and reasoning:
        return reasoning
    for block in delta.get("thinking_blocks") or []:
        if isinstance(block, dict) and (text := block.get("thinking") or block.get("content") or block.get("text")):
            return str(text)
    return ""


def _is_complete_json(text: str) -> bool:
    # Only a text that ends like an object is decoded: decoding long arguments with each fragment would be quadratic.
    if text.rstrip()[-1:] != "}" and text.lstrip()[:1] == "{":
        return False
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return True
