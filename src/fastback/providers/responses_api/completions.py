"""Convert responses of the Responses API to chat completions.

Format: OpenAI's API reference, `POST /v1/responses`: items `reasoning`, `function_call`, `message`. Its stream:
`response.output_text.delta`, `response.reasoning_summary_text.delta`, `response.function_call_arguments.delta`, …,
`response.completed`, `response.incomplete`, `response.failed` or `error`.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec

Payload = dict[str, Any]


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
