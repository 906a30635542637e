"""Convert Ollama's responses to OpenAI's form.

Format: Ollama's API documentation, `POST /api/chat`: NDJSON objects `{model, created_at, message: {role, content,
thinking?, tool_calls?}, done, done_reason?, prompt_eval_count?, eval_count?, total_duration?, …}`, durations in
nanoseconds; a tool call comes in one piece, its arguments as an object. Values of other types are read as well as they
can be.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec

from fastback.providers.completion_chunk import list_dicts, to_text
from fastback.providers.lenient_json import SurrogateJoiner, decode_leniently, mend_value

Payload = dict[str, Any]

_NO_TOKEN_DETAILS = {"reasoning_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}


def _build_usage(response: Payload) -> Payload:
    """Return token counts under OpenAI's names, beside Ollama's own counts and durations (nanoseconds)."""

    def get_number(name: str) -> int:
        try:
            return int(response.get(name) or 0)
        except (TypeError, ValueError, OverflowError):
            return 0

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


def _get_message(response: Payload) -> Payload:
    message = response.get("message")
    return message if isinstance(message, dict) else {}


def _convert_calls(message: Payload, first_index: int = 0) -> list[Payload]:
    """Return the tool calls of a message in OpenAI's form; calls without an index are counted from `first_index`."""
    calls = []
    for index, call in enumerate(list_dicts(message.get("tool_calls")), first_index):
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        arguments = function.get("arguments")
        if not isinstance(arguments, str):
            arguments = msgspec.json.encode(arguments or {}).decode()
        calls.append(
            {
                "index": call.get("index", function.get("index", index)),
                "id": call.get("id") or f"call_{uuid.uuid4()}",
                "type": "function",
                "function": {"name": to_text(function.get("name")) or "", "arguments": arguments},
            }
        )
    return calls


def _build_error(error: Any) -> Payload:
    """Return Ollama's error, which is a text, in OpenAI's form."""
    return {"error": error if isinstance(error, dict) else {"message": to_text(error)}}


def to_openai_completion(response: Payload, model_id: str) -> Payload:
    """Convert a whole response of Ollama to OpenAI's form; `model_id` is used where the response names no model."""
    if response.get("error"):
        return _build_error(response["error"])
    message = _get_message(response)
    model_id = response.get("model") or model_id
    converted: Payload = {"role": "assistant", "content": to_text(message.get("content")) or ""}
    if thinking := to_text(message.get("thinking")):
        converted["reasoning_content"] = thinking
    calls = _convert_calls(message)
    if calls:
        converted["tool_calls"] = calls
    finish_reason = "tool_calls" if calls else (to_text(response.get("done_reason")) or "stop")
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
    """Convert the lines of one streamed response into payloads of chat-completion chunks."""

    def __init__(self, model_id: str) -> None:
        self._head: Payload = {"id": f"chatcmpl-{uuid.uuid4()}", "created": int(time.time()), "model": model_id}
        self._call_count = 0
        self._has_started = False
        self._has_ended = False
        self._joiner = SurrogateJoiner()

    def feed(self, payload: bytes) -> list[bytes]:
        """Return the payloads that one line of Ollama becomes."""
        try:
            response = msgspec.json.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            try:
                response = self._decode_leniently(payload)
            except (ValueError, RecursionError):
                return []
        if not isinstance(response, dict):
            return []
        if response.get("error"):
            return [msgspec.json.encode(_build_error(response["error"]))]
        return self._convert_response(response, _get_message(response))

    def _decode_leniently(self, payload: bytes) -> Any:
        value = decode_leniently(payload)
        if isinstance(value, dict):
            message = _get_message(value)
            for name in ("content", "thinking"):
                if text := to_text(message.get(name)):
                    message[name] = self._joiner.join(name, text)
        return mend_value(value)

    def _convert_response(self, response: Payload, message: Payload) -> list[bytes]:
        payloads: list[bytes] = []
        delta: Payload = {}
        if thinking := to_text(message.get("thinking")):
            delta["reasoning_content"] = thinking
        if content := to_text(message.get("content")):
            delta["content"] = content
        # Each call may come in a line of its own, so calls without an index are counted across lines.
        calls = _convert_calls(message, self._call_count)
        if calls:
            self._call_count += len(calls)
            delta["tool_calls"] = calls
        if response.get("model"):
            self._head["model"] = response["model"]
        if delta:
            payloads.append(self._encode_chunk(delta))
        if response.get("done"):
            finish_reason = "tool_calls" if self._call_count else (to_text(response.get("done_reason")) or "stop")
            payloads.append(self._encode_chunk({}, finish_reason, _build_usage(response)))
            payloads += self.end()
        return payloads

    def end(self) -> list[bytes]:
        """Return the payload that ends the stream, unless it has ended."""
        if self._has_ended:
            return []
        self._has_ended = True
        return [b"[DONE]"]

    def _encode_chunk(self, delta: Payload, finish_reason: str | None = None, usage: Payload | None = None) -> bytes:
        if not self._has_started:
            self._has_started = True
            delta = {**delta, "role": "assistant"}
        choice = {"index": 0, "logprobs": None, "finish_reason": finish_reason, "delta": delta}
        chunk: Payload = {**self._head, "choices": [choice], "object": "chat.completion.chunk"}
        if usage:
            chunk["usage"] = usage
        return msgspec.json.encode(chunk)
