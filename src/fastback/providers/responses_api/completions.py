"""Convert responses of the Responses API to chat completions.

Format: OpenAI's API reference, `POST /v1/responses`: items `reasoning`, `function_call`, `message`. Its stream:
`response.output_text.delta`, `response.reasoning_summary_text.delta`, `response.function_call_arguments.delta`, …,
`response.completed`, `response.incomplete`, `response.failed` or `error`. Some servers send no deltas, but whole texts,
whole items, or the whole response alone: what has not come in a delta is taken from there.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec

from fastback.providers.completion_chunk import list_dicts, to_text
from fastback.providers.lenient_json import SurrogateJoiner, decode_leniently, mend_value

Payload = dict[str, Any]

#: Token counts by their names in chat completions, which clients of that API read.
_COUNT_NAMES = (
    ("prompt_tokens", "input_tokens"),
    ("completion_tokens", "output_tokens"),
    ("prompt_tokens_details", "input_tokens_details"),
    ("completion_tokens_details", "output_tokens_details"),
)
#: Events with a part of a text, and those with all of it, by the kind of the text.
_TEXT_DELTAS = {
    "response.output_text.delta": "content",
    "response.refusal.delta": "content",
    "response.reasoning_summary_text.delta": "reasoning_content",
    "response.reasoning_text.delta": "reasoning_content",
}
_FULL_TEXTS = {
    "response.output_text.done": ("content", "text"),
    "response.refusal.done": ("content", "refusal"),
    "response.reasoning_summary_text.done": ("reasoning_content", "text"),
    "response.reasoning_text.done": ("reasoning_content", "text"),
}


def _to_dict(value: Any) -> Payload:
    return value if isinstance(value, dict) else {}


def _convert_usage(usage: Payload) -> Payload:
    """Return the token counts under the names of both APIs."""
    names = {name: usage[source] for name, source in _COUNT_NAMES if source in usage and name not in usage}
    return {**usage, **names}


def _find_finish_reason(response: Payload, *, has_calls: bool, is_incomplete: bool = False) -> str:
    if is_incomplete or response.get("status") == "incomplete":
        reason = _to_dict(response.get("incomplete_details")).get("reason")
        return "content_filter" if reason == "content_filter" else "length"
    return "tool_calls" if has_calls else "stop"


def _get_item_text(item: Payload) -> str:
    """Return the text of a message, a refusal included."""
    if isinstance(item.get("content"), str):
        return str(item["content"])
    parts = list_dicts(item.get("content"))
    return "".join(to_text(part.get("text")) or to_text(part.get("refusal")) or "" for part in parts)


def _get_item_reasoning(item: Payload) -> str:
    parts = [*list_dicts(item.get("summary")), *list_dicts(item.get("content"))]
    return "\n\n".join(text for part in parts if (text := to_text(part.get("text"))))


def _build_function(item: Payload) -> Payload:
    arguments = item.get("arguments")
    if arguments is not None and not isinstance(arguments, str):
        arguments = msgspec.json.encode(arguments).decode()
    return {"name": to_text(item.get("name")) or "", "arguments": arguments or ""}


def to_openai_completion(response: Payload) -> Payload:
    """Convert a whole response to a chat completion; one that is a chat completion is returned as it is."""
    if response.get("error"):
        return {"error": response["error"]}
    if "choices" in response:
        return response
    text, reasoning, calls = "", "", []
    for item in list_dicts(response.get("output")):
        if item.get("type") == "message":
            text += _get_item_text(item)
        elif item.get("type") == "reasoning":
            reasoning += _get_item_reasoning(item)
        elif item.get("type") == "function_call":
            function = _build_function(item)
            function["arguments"] = function["arguments"] or "{}"
            calls.append({"id": to_text(item.get("call_id")) or "", "type": "function", "function": function})
    message: Payload = {"role": "assistant", "content": text}
    if reasoning:
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = calls
    finish_reason = _find_finish_reason(response, has_calls=bool(calls))
    return {
        "id": response.get("id") or "",
        "object": "chat.completion",
        "created": response.get("created_at") or int(time.time()),
        "model": response.get("model") or "",
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
        "usage": _convert_usage(_to_dict(response.get("usage"))),
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
        self._call_count = 0
        #: What has gone out: the kind of a text and the output index of its item (None where events have no index).
        self._sent: set[tuple[str, Any]] = set()
        self._joiner = SurrogateJoiner()
        self._has_started = False
        self._has_ended = False

    def feed(self, payload: bytes) -> list[bytes]:
        """Return the payloads that one event becomes."""
        try:
            event = msgspec.json.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            try:
                event = self._decode_leniently(payload)
            except (ValueError, RecursionError):
                return []
        return self._convert_event(event) if isinstance(event, dict) else []

    def _decode_leniently(self, payload: bytes) -> Any:
        event = decode_leniently(payload)
        if isinstance(event, dict) and isinstance(event.get("delta"), str):
            event["delta"] = self._joiner.join(str(event.get("type")), event["delta"])
        return mend_value(event)

    def _convert_event(self, event: Payload) -> list[bytes]:
        kind = event.get("type")
        if not isinstance(kind, str):
            return self._convert_untyped(event)
        if kind in _TEXT_DELTAS:
            return self._send_text(_TEXT_DELTAS[kind], event, to_text(event.get("delta")))
        if kind in _FULL_TEXTS:
            name, field = _FULL_TEXTS[kind]
            return self._send_rest(name, event, to_text(event.get(field)))
        if kind in ("response.output_item.added", "response.output_item.done"):
            item, is_done = _to_dict(event.get("item")), kind.endswith("done")
            return self._convert_item(item, event, is_done=is_done)
        if kind in ("response.function_call_arguments.delta", "response.function_call_arguments.done"):
            return self._add_arguments(event, is_done=kind.endswith("done"))
        response = _to_dict(event.get("response"))
        if kind == "response.created":
            self._head["id"] = response.get("id") or self._head["id"]
        elif kind in ("response.completed", "response.incomplete"):
            return self._complete(response, is_incomplete=kind == "response.incomplete")
        elif kind == "response.failed":
            return [msgspec.json.encode({"error": response.get("error") or {"message": "The provider failed."}})]
        elif kind == "error":
            return [msgspec.json.encode({"error": event.get("error") or event})]
        return []

    def _convert_untyped(self, event: Payload) -> list[bytes]:
        """Convert what is no event: an error, a whole response, or a chunk of a chat completion."""
        if event.get("error"):
            return [msgspec.json.encode({"error": event["error"]})]
        if "choices" in event:
            return [msgspec.json.encode(event)]
        return self._complete(event) if isinstance(event.get("output"), list) else []

    # -- texts -----------------------------------------------------------------------------------------------------

    def _send_text(self, name: str, event: Payload, text: str | None) -> list[bytes]:
        self._sent.add((name, event.get("output_index")))
        return [self._encode_chunk({name: text})] if text else []

    def _send_rest(self, name: str, event: Payload, text: str | None) -> list[bytes]:
        """Send a whole text, unless it has gone out in parts."""
        if (name, event.get("output_index")) in self._sent or (name, None) in self._sent:
            return []
        return self._send_text(name, event, text)

    # -- items -----------------------------------------------------------------------------------------------------

    def _convert_item(self, item: Payload, event: Payload, *, is_done: bool) -> list[bytes]:
        kind = item.get("type")
        if kind == "function_call":
            return self._convert_call(item, event)
        if not is_done:
            return []
        if kind == "message":
            return self._send_rest("content", event, _get_item_text(item))
        return self._send_rest("reasoning_content", event, _get_item_reasoning(item)) if kind == "reasoning" else []

    def _convert_call(self, item: Payload, event: Payload) -> list[bytes]:
        """Start a call, or complete one that has started with the arguments that are still missing."""
        keys = [key for key in (item.get("id"), item.get("call_id"), event.get("output_index")) if key is not None]
        index = next((self._call_indexes[key] for key in keys if key in self._call_indexes), None)
        function = _build_function(item)
        if index is not None:
            return self._send_arguments(index, function["arguments"], is_rest=True)
        index = self._call_count
        self._call_count += 1
        self._call_indexes.update(dict.fromkeys(keys, index))
        if function["arguments"]:
            self._sent.add(("arguments", index))
        call_id = item.get("call_id") or item.get("id")
        call = {"index": index, "id": call_id, "type": "function", "function": function}
        return [self._encode_chunk({"tool_calls": [call]})]

    def _add_arguments(self, event: Payload, *, is_done: bool) -> list[bytes]:
        keys = (event.get("item_id"), event.get("output_index"))
        index = next((self._call_indexes[key] for key in keys if key in self._call_indexes), None)
        if index is None:
            return []
        arguments = _build_function({"arguments": event.get("arguments" if is_done else "delta")})["arguments"]
        return self._send_arguments(index, arguments, is_rest=is_done)

    def _send_arguments(self, index: int, arguments: str, *, is_rest: bool) -> list[bytes]:
        if not arguments or (is_rest and ("arguments", index) in self._sent):
            return []
        self._sent.add(("arguments", index))
        return [self._encode_chunk({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]})]

    # -- the end ---------------------------------------------------------------------------------------------------

    def _complete(self, response: Payload, *, is_incomplete: bool = False) -> list[bytes]:
        payloads = []
        for index, item in enumerate(list_dicts(response.get("output"))):
            payloads += self._convert_item(item, {"output_index": index}, is_done=True)
        finish_reason = _find_finish_reason(response, has_calls=self._call_count > 0, is_incomplete=is_incomplete)
        usage = response.get("usage")
        fields = {"usage": _convert_usage(usage)} if isinstance(usage, dict) else {}
        return [*payloads, self._encode_chunk({}, finish_reason, **fields), *self.end()]

    def end(self) -> list[bytes]:
        """Return the payload that ends the stream, unless it has ended."""
        if self._has_ended:
            return []
        self._has_ended = True
        return [b"[DONE]"]

    def _encode_chunk(self, delta: Payload, finish_reason: str | None = None, **fields: Any) -> bytes:
        if not self._has_started:
            self._has_started = True
            delta = {"role": "assistant", **delta}
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return msgspec.json.encode({**self._head, "choices": [choice], **fields})
