"""Convert Ollama's responses to OpenAI's form.

Format: Ollama's API documentation, `POST /api/chat`: NDJSON objects `{model, created_at, message: {role, content,
thinking?, tool_calls?}, done, done_reason?, prompt_eval_count?, eval_count?, total_duration?, …}`, durations in
nanoseconds; a tool call comes in one piece, its arguments as an object.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec

Payload = dict[str, Any]

_NO_TOKEN_DETAILS = {"reasoning_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}


def _build_usage(response: Payload) -> Payload:
    """Return token counts under OpenAI's names, beside Ollama's own counts and durations (nanoseconds)."""

    def get_number(name: str) -> int:
        return int(response.get(name) or 0)

    def compute_rate(phase: str) -> float | str:
        """Return tokens per second."""
        duration = get_number(f"{phase}_duration")
        return round(get_number(f"{phase}_count") / (duration / 1e9), 2) if duration > 0 else "N/A"

    input_tokens, output_tokens = get_number("prompt_eval_count"), get_number("eval_count")
    seconds = get_number("total_duration") // 1_000_000_000
    return {
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "response_token/s": compute_rate("eval"),
        "prompt_token/s": compute_rate("prompt_eval"),
        "total_duration": get_number("total_duration"),
        "load_duration": get_number("load_duration"),
        "prompt_eval_count": input_tokens,
        "prompt_eval_duration": get_number("prompt_eval_duration"),
        "eval_count": output_tokens,
        "eval_duration": get_number("eval_duration"),
        "approximate_total": f"{seconds // 3600}h{seconds % 3600 // 60}m{seconds % 60}s",
        "completion_tokens_details": _NO_TOKEN_DETAILS,
    }


def _convert_calls(message: Payload, first_index: int = 0) -> list[Payload]:
    """Return the tool calls of a message in OpenAI's form; calls without an index are counted from `first_index`."""
    calls = []
    for index, call in enumerate(message.get("tool_calls") or [], first_index):
        function = call.get("function") or {}
        arguments = msgspec.json.encode(function.get("arguments") or {}).decode()
        calls.append(
            {
                "index": call.get("index", function.get("index", index)),
                "id": call.get("id") or f"call_{uuid.uuid4()}",
                "type": "function",
                "function": {"name": function.get("name", ""), "arguments": arguments},
            }
        )
    return calls


def to_openai_completion(response: Payload, model_id: str) -> Payload:
    """Convert a whole response of Ollama to OpenAI's form; `model_id` is used where the response names no model."""
    message = response.get("message") or {}
    model_id = response.get("model") or model_id
    converted: Payload = {"role": "assistant", "content": message.get("content") or ""}
    if message.get("thinking"):
        converted["reasoning_content"] = message["thinking"]
    calls = _convert_calls(message)
    if calls:
        converted["tool_calls"] = calls
    finish_reason = "tool_calls" if calls else (response.get("done_reason") or "stop")
    return {
        "id": f"{model_id}-{uuid.uuid4()}",
        "created": int(time.time()),
        "model": model_id,
        "choices": [{"index": 0, "logprobs": None, "finish_reason": finish_reason, "message": converted}],
        "object": "chat.completion",
        "usage": _build_usage(response),
    }


def to_openai_embeddings(response: Payload) -> Payload:
    """Convert the response of `/api/embed`, for one text or several, to OpenAI's form."""
    data = [
        {"object": "embedding", "embedding": embedding, "index": index}
        for index, embedding in enumerate(response.get("embeddings") or [])
    ]
    return {"object": "list", "data": data, "model": response.get("model")}


class OllamaToOpenAI:
    """Convert the lines of one streamed response."""

    def __init__(self, model_id: str) -> None:
        self._head: Payload = {"id": f"chatcmpl-{uuid.uuid4()}", "created": int(time.time()), "model": model_id}
        self._call_count = 0
        self._has_started = False

    def _format_chunk(self, delta: Payload, finish_reason: str | None = None, usage: Payload | None = None) -> bytes:
        if not self._has_started:
            self._has_started = True
            delta = {**delta, "role": "assistant"}
        choice = {"index": 0, "logprobs": None, "finish_reason": finish_reason, "delta": delta}
        chunk: Payload = {**self._head, "choices": [choice], "object": "chat.completion.chunk"}
        if usage:
            chunk["usage"] = usage
        return b"data: " + msgspec.json.encode(chunk) + b"\n\n"

    def feed(self, line: bytes) -> list[bytes]:
        """Return the `data: …` lines that one line of Ollama becomes."""
        try:
            response = msgspec.json.decode(line)
        except msgspec.DecodeError:
            return []
        if not isinstance(response, dict):
            return []
        if "error" in response:
            return [b"data: " + msgspec.json.encode({"error": response["error"]}) + b"\n\n"]
        message = response.get("message") or {}
        events: list[bytes] = []
        delta: Payload = {}
        if message.get("thinking"):
            delta["reasoning_content"] = message["thinking"]
        if message.get("content"):
            delta["content"] = message["content"]
        # Each call may come in a line of its own, so calls without an index are counted across lines.
        calls = _convert_calls(message, self._call_count)
        if calls:
            self._call_count += len(calls)
            delta["tool_calls"] = calls
        if response.get("model"):
            self._head["model"] = response["model"]
        if delta:
            events.append(self._format_chunk(delta))
        if response.get("done"):
            finish_reason = "tool_calls" if self._call_count else (response.get("done_reason") or "stop")
            events.append(self._format_chunk({}, finish_reason, _build_usage(response)))
            events.append(b"data: [DONE]\n\n")
        return events
