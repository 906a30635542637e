"""Chat completions converted to the form of Anthropic's Messages API, whole and streamed.

Format: Anthropic's API reference: a stream is `message_start`, `content_block_start/_delta/_stop` for each block,
`message_delta`, `message_stop`; a stream that fails ends with `error`.
"""

from __future__ import annotations

import math
import uuid
from typing import Any

import msgspec

from fastback.kit.json_decoding import decode_json
from fastback.providers.chunk_reader import ChunkReader
from fastback.providers.completion import Completion
from fastback.providers.completion_chunk import Delta, FunctionDelta, ToolCallDelta, read_usage
from fastback.providers.upstream import find_error_text

Body = dict[str, Any]

_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "end_turn"}
_STREAM_FAILED = "Chat completion stream failed"


def _create_id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex[:24]}"


def _get_count(usage: Body, *names: str) -> int | None:
    """Return a number of tokens by the first of these names; None where the server gives none."""
    counts = [usage[name] for name in names if isinstance(usage.get(name), (int, float))]
    return int(counts[0]) if counts and math.isfinite(counts[0]) else None


def _convert_usage(usage: Body) -> Body:
    """Return a server's token counts under Anthropic's names; counts that it does not give are left out."""
    created, read = _get_count(usage, "cache_creation_input_tokens"), _get_count(usage, "cache_read_input_tokens")
    details = usage.get("prompt_tokens_details")
    if read is None and isinstance(details, dict):
        read = _get_count(details, "cached_tokens")
    input_tokens, prompt_tokens = _get_count(usage, "input_tokens"), _get_count(usage, "prompt_tokens", "prompt_n")
    if input_tokens is None and prompt_tokens is not None:
        input_tokens = max(prompt_tokens - (created or 0) - (read or 0), 0)
    counts = {
        "input_tokens": input_tokens,
        "output_tokens": _get_count(usage, "output_tokens", "completion_tokens", "predicted_n"),
        "cache_creation_input_tokens": created,
        "cache_read_input_tokens": read,
    }
    for name in ("output_tokens_details", "server_tool_use"):
        if isinstance(usage.get(name), dict):
            counts[name] = usage[name]
    counts["service_tier"] = usage.get("service_tier")
    return {name: value for name, value in counts.items() if value is not None}


def _build_thinking_blocks(message: Delta) -> list[Body]:
    """Return the blocks of a model's reasoning, under whatever name its server gives it."""
    converted: list[Body] = []
    for block in message.thinking_blocks or ():
        if not isinstance(block, dict):
            continue
        if block.get("type") == "redacted_thinking":
            converted.append({name: block[name] for name in ("type", "data") if name in block})
        elif text := block.get("thinking") or block.get("content") or block.get("text"):
            signature = {"signature": block["signature"]} if block.get("signature") else {}
            converted.append({"type": "thinking", "thinking": text, **signature})
    text = message.get_reasoning()
    return converted or ([{"type": "thinking", "thinking": text}] if text else [])


def _convert_call(call: ToolCallDelta) -> Body:
    function = call.function or FunctionDelta()
    try:
        arguments = decode_json(function.arguments or "{}")
    except msgspec.DecodeError:
        arguments = None
    return {
        "type": "tool_use",
        "id": call.id or _create_id("toolu"),
        "name": function.name or "",
        "input": arguments if isinstance(arguments, dict) else {},
    }


def convert_completion(completion: Completion, model_id: str, input_tokens: int | None = None) -> Body:
    """Convert a whole completion; `input_tokens` is used where the server does not count them."""
    message = completion.message or Delta()
    content = _build_thinking_blocks(message)
    if text := message.get_text():
        content.append({"type": "text", "text": text})
    content += [_convert_call(call) for call in message.tool_calls or ()]
    stop_reason = _STOP_REASONS.get(completion.finish_reason or "", "end_turn")
    return {
        "id": completion.id or _create_id("msg"),
        "type": "message",
        "role": "assistant",
        "content": content,
        "model": model_id or completion.model,
        "stop_reason": "tool_use" if message.tool_calls else stop_reason,
        "stop_sequence": None,
        "usage": {"input_tokens": input_tokens or 0, "output_tokens": 0, **_convert_usage(completion.usage or {})},
    }


def _format_event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: ".encode() + msgspec.json.encode({"type": kind, **fields}) + b"\n\n"


class _ToolCall(msgspec.Struct):
    """A call under way. Its block starts when its name is known, and stops when its arguments are complete JSON."""

    id: str
    name: str = ""
    arguments: str = ""
    #: Arguments that came before the name.
    unsent: str = ""
    #: The index of its block; -1 before the block starts.
    block_index: int = -1
    is_closed: bool = False


class MessageStream:
    """Convert the payloads of a chat completion's stream into Anthropic's events."""

    def __init__(self, model_id: str, input_tokens: int | None = None) -> None:
        self._reader = ChunkReader()
        self._model_id = model_id
        self._usage: Body = {} if input_tokens is None else {"input_tokens": input_tokens}
        self._next_index = 0
        #: The kind of the open block, `thinking` or `text`; None where none is open.
        self._open_kind: str | None = None
        #: The calls by their index in the stream.
        self._calls: dict[int | None, _ToolCall] = {}
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
        chunk = self._reader.read(payload) if not self._has_failed else None
        if chunk is None:
            return b""
        if usage := read_usage(chunk):
            self._usage |= _convert_usage(usage)
        events = b""
        if chunk.choices:
            choice = chunk.choices[0]
            events = self._add_delta(choice.delta) if choice.delta is not None else b""
            if choice.finish_reason is not None:
                self._stop_reason = _STOP_REASONS.get(choice.finish_reason, "end_turn")
        if chunk.error is not None:
            events += self.fail(find_error_text(chunk.error) or _STREAM_FAILED)
        return events

    def _add_delta(self, delta: Delta) -> bytes:
        events = b""
        reasoning = delta.get_reasoning()
        if reasoning and self._open_kind != "text" and not self._has_call():
            events += self._add_text("thinking", {"type": "thinking_delta", "thinking": reasoning})
        if (text := delta.get_text()) and not self._has_call():
            events += self._add_text("text", {"type": "text_delta", "text": text})
        if delta.tool_calls:
            events += self._close_block()
            events += b"".join(self._add_call(call) for call in delta.tool_calls)
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

    def _add_call(self, delta: ToolCallDelta) -> bytes:
        call = self._calls.get(delta.index)
        if call is None:
            call = self._calls[delta.index] = _ToolCall(delta.id or _create_id("toolu"))
        function = delta.function or FunctionDelta()
        call.name = call.name or function.name or ""
        events = self._start_call(call)
        call.unsent += function.arguments or ""
        if not call.unsent or call.block_index < 0 or call.is_closed:
            return events
        arguments_delta = {"type": "input_json_delta", "partial_json": call.unsent}
        call.arguments += call.unsent
        call.unsent = ""
        events += _format_event("content_block_delta", index=call.block_index, delta=arguments_delta)
        if _is_complete_object(call.arguments):
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
        stop_reason = "tool_use" if self._has_call() else self._stop_reason
        delta = {"stop_reason": stop_reason, "stop_sequence": None}
        return events + _format_event("message_delta", delta=delta, usage=counts) + _format_event("message_stop")


def _is_complete_object(text: str) -> bool:
    # Only a text that ends like an object is decoded: decoding long arguments with each fragment would be quadratic.
    if text.rstrip()[-1:] != "}" or text.lstrip()[:1] != "{":
        return False
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except msgspec.DecodeError:
        return False
    return True
