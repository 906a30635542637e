"""Ollama's protocol, converted to OpenAI's and back.

Format: Ollama's API documentation, `POST /api/chat`: NDJSON objects `{model, created_at, message: {role, content,
thinking?, tool_calls?}, done, done_reason?, prompt_eval_count?, eval_count?, total_duration?, …}`, durations in
nanoseconds; tool calls come whole, their arguments as an object.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec

Payload = dict[str, Any]

#: Parameters that Ollama takes among `options`.
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
_ROOT = ("format", "keep_alive", "think")


def _json(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError:
            return value
    return value


def _message(message: Payload) -> Payload:
    found: Payload = {"role": message.get("role", "user"), "content": ""}
    thinking = message.get("thinking") or message.get("reasoning_content")
    if thinking:
        found["thinking"] = thinking
    content = message.get("content")
    if isinstance(content, str):
        found["content"] = content
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
        found["content"] = "\n".join(texts)
        if images:
            found["images"] = images
    calls = message.get("tool_calls")
    if calls:
        found["tool_calls"] = [
            {
                "index": call.get("index", place),
                "id": call.get("id"),
                "function": {
                    "name": call.get("function", {}).get("name", ""),
                    "arguments": _json(call.get("function", {}).get("arguments") or "{}"),
                },
            }
            for place, call in enumerate(calls)
        ]
    if message.get("tool_call_id"):
        found["tool_call_id"] = message["tool_call_id"]
    return found


def to_ollama(payload: Payload) -> Payload:
    """An OpenAI chat payload as Ollama takes it."""
    found: Payload = {
        "model": payload.get("model"),
        "messages": [_message(one) for one in payload.get("messages") or []],
        "stream": bool(payload.get("stream")),
    }
    options = dict(payload.get("options") or {})
    limit = payload.get("max_completion_tokens", payload.get("max_tokens"))
    if limit is not None:
        options.setdefault("num_predict", limit)
    for name in _OPTIONS:
        if payload.get(name) is not None:
            options.setdefault(name, payload[name])
    for name in _ROOT:
        value = options.pop(name, payload.get(name))
        if value is not None:
            found[name] = _json(value)
    if isinstance(options.get("stop"), str):
        options["stop"] = [options["stop"]]
    if options:
        found["options"] = options
    if payload.get("tools"):
        found["tools"] = payload["tools"]
    response_format = payload.get("response_format")
    if isinstance(response_format, dict):
        if response_format.get("type") == "json_object":
            found["format"] = "json"
        elif response_format.get("type") == "json_schema":
            found["format"] = (response_format.get("json_schema") or {}).get("schema")
    return found


_NO_DETAILS = {"reasoning_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}


def _usage(answer: Payload) -> Payload:
    """Token counts in OpenAI's names, beside Ollama's own counts and durations (nanoseconds)."""

    def number(name: str) -> int:
        return int(answer.get(name) or 0)

    def rate(what: str) -> float | str:
        duration = number(f"{what}_duration")
        return round(number(f"{what}_count") / (duration / 1e9), 2) if duration > 0 else "N/A"

    asked, given = number("prompt_eval_count"), number("eval_count")
    seconds = number("total_duration") // 1_000_000_000
    return {
        "input_tokens": asked,
        "output_tokens": given,
        "total_tokens": asked + given,
        "prompt_tokens": asked,
        "completion_tokens": given,
        "response_token/s": rate("eval"),
        "prompt_token/s": rate("prompt_eval"),
        "total_duration": number("total_duration"),
        "load_duration": number("load_duration"),
        "prompt_eval_count": asked,
        "prompt_eval_duration": number("prompt_eval_duration"),
        "eval_count": given,
        "eval_duration": number("eval_duration"),
        "approximate_total": f"{seconds // 3600}h{seconds % 3600 // 60}m{seconds % 60}s",
        "completion_tokens_details": _NO_DETAILS,
    }


def _calls(message: Payload, first: int = 0) -> list[Payload]:
    """The calls of a message; those without an index are counted from `first`."""
    found = []
    for place, call in enumerate(message.get("tool_calls") or [], first):
        function = call.get("function") or {}
        arguments = msgspec.json.encode(function.get("arguments") or {}).decode()
        found.append(
            {
                "index": call.get("index", function.get("index", place)),
                "id": call.get("id") or f"call_{uuid.uuid4()}",
                "type": "function",
                "function": {"name": function.get("name", ""), "arguments": arguments},
            }
        )
    return found


def to_openai_completion(answer: Payload, model_id: str) -> Payload:
    """A whole answer of Ollama in OpenAI's form; `model_id` stands in where it names no model."""
    message = answer.get("message") or {}
    model_id = answer.get("model") or model_id
    found: Payload = {"role": "assistant", "content": message.get("content") or ""}
    if message.get("thinking"):
        found["reasoning_content"] = message["thinking"]
    calls = _calls(message)
    if calls:
        found["tool_calls"] = calls
    finish = "tool_calls" if calls else (answer.get("done_reason") or "stop")
    return {
        "id": f"{model_id}-{uuid.uuid4()}",
        "created": int(time.time()),
        "model": model_id,
        "choices": [{"index": 0, "logprobs": None, "finish_reason": finish, "message": found}],
        "object": "chat.completion",
        "usage": _usage(answer),
    }


def to_openai_embeddings(answer: Payload) -> Payload:
    """The embeddings of a text or of several (`/api/embed`) in OpenAI's form."""
    data = [
        {"object": "embedding", "embedding": one, "index": place}
        for place, one in enumerate(answer.get("embeddings") or [])
    ]
    return {"object": "list", "data": data, "model": answer.get("model")}


class OllamaToOpenAI:
    """Converts the lines of one streamed answer."""

    def __init__(self, model_id: str) -> None:
        self._head: Payload = {"id": f"chatcmpl-{uuid.uuid4()}", "created": int(time.time()), "model": model_id}
        self._called = 0
        self._begun = False

    def _chunk(self, delta: Payload, finish: str | None = None, usage: Payload | None = None) -> bytes:
        if not self._begun:
            self._begun = True
            delta = {**delta, "role": "assistant"}
        choice = {"index": 0, "logprobs": None, "finish_reason": finish, "delta": delta}
        chunk: Payload = {**self._head, "choices": [choice], "object": "chat.completion.chunk"}
        if usage:
            chunk["usage"] = usage
        return b"data: " + msgspec.json.encode(chunk) + b"\n\n"

    def feed(self, line: bytes) -> list[bytes]:
        """The `data: …` lines that stand for one line of Ollama."""
        try:
            answer = msgspec.json.decode(line)
        except msgspec.DecodeError:
            return []
        if not isinstance(answer, dict):
            return []
        if "error" in answer:
            return [b"data: " + msgspec.json.encode({"error": answer["error"]}) + b"\n\n"]
        message = answer.get("message") or {}
        found: list[bytes] = []
        delta: Payload = {}
        if message.get("thinking"):
            delta["reasoning_content"] = message["thinking"]
        if message.get("content"):
            delta["content"] = message["content"]
        # Calls may come one a line, each of them the first of its line.
        calls = _calls(message, self._called)
        if calls:
            self._called += len(calls)
            delta["tool_calls"] = calls
        if answer.get("model"):
            self._head["model"] = answer["model"]
        if delta:
            found.append(self._chunk(delta))
        if answer.get("done"):
            finish = "tool_calls" if self._called else (answer.get("done_reason") or "stop")
            found.append(self._chunk({}, finish, _usage(answer)))
            found.append(b"data: [DONE]\n\n")
        return found
