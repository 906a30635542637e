"""Answers of chat completions in the words of Anthropic's Messages API, whole and streamed.

Format: Anthropic's API reference: a stream is `message_start`, `content_block_start/_delta/_stop` for each block,
`message_delta`, `message_stop`; a stream that fails ends with `error`.
"""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

Body = dict[str, Any]

_STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "end_turn"}
_FAILED = "Chat completion stream failed"


def _id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex[:24]}"


def _usage(usage: Body) -> Body:
    """A provider's counts in Anthropic's names, those it does not tell left out."""
    created, read = usage.get("cache_creation_input_tokens"), usage.get("cache_read_input_tokens")
    details = usage.get("prompt_tokens_details")
    if read is None and isinstance(details, dict):
        read = details.get("cached_tokens")
    given = usage.get("input_tokens")
    if given is None and usage.get("prompt_tokens") is not None:
        given = max(usage["prompt_tokens"] - (created or 0) - (read or 0), 0)
    answered = usage.get("output_tokens")
    found = {
        "input_tokens": given,
        "output_tokens": usage.get("completion_tokens") if answered is None else answered,
        "cache_creation_input_tokens": created,
        "cache_read_input_tokens": read,
    }
    for name in ("output_tokens_details", "server_tool_use"):
        if isinstance(usage.get(name), dict):
            found[name] = usage[name]
    found["service_tier"] = usage.get("service_tier")
    return {name: value for name, value in found.items() if value is not None}


def _thoughts(message: Body) -> list[Body]:
    """Blocks of what a model thought, however its provider names them."""
    thinking = message.get("thinking")
    blocks = message.get("thinking_blocks") or (thinking.get("blocks") if isinstance(thinking, dict) else None) or []
    found: list[Body] = []
    for block in blocks:
        if not isinstance(block, dict):
            continue
        if block.get("type") == "redacted_thinking":
            found.append({name: block[name] for name in ("type", "data") if name in block})
        elif text := block.get("thinking") or block.get("content") or block.get("text"):
            signed = {"signature": block["signature"]} if block.get("signature") else {}
            found.append({"type": "thinking", "thinking": text, **signed})
    text = message.get("reasoning_content") or message.get("reasoning")
    text = text or (thinking if isinstance(thinking, str) else None)
    return found or ([{"type": "thinking", "thinking": text}] if text else [])


def from_completion(answer: Body, model_id: str, input_tokens: int | None = None) -> Body:
    """A whole answer in Anthropic's form; `input_tokens` stands in where the provider does not count."""
    choice = (answer.get("choices") or [{}])[0]
    message = choice.get("message") or {}
    content = _thoughts(message)
    if message.get("content"):
        content.append({"type": "text", "text": message["content"]})
    for call in message.get("tool_calls") or []:
        function = call.get("function") or {}
        try:
            arguments = msgspec.json.decode(function.get("arguments") or "{}")
        except (msgspec.DecodeError, TypeError):
            arguments = {}
        name = function.get("name") or ""
        content.append({"type": "tool_use", "id": call.get("id") or _id("toolu"), "name": name, "input": arguments})
    usage = answer.get("usage")
    return {
        "id": answer.get("id") or _id("msg"),
        "type": "message",
        "role": "assistant",
        "content": content,
        "model": model_id or answer.get("model") or "",
        "stop_reason": _STOPS.get(str(choice.get("finish_reason")), "end_turn"),
        "stop_sequence": None,
        "usage": {
            "input_tokens": input_tokens or 0,
            "output_tokens": 0,
            **_usage(usage if isinstance(usage, dict) else {}),
        },
    }


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: ".encode() + msgspec.json.encode({"type": kind, **fields}) + b"\n\n"


class _Tool(msgspec.Struct):
    """A call under way; it is told to the client when its name is known, and closed when its arguments are whole."""

    id: str
    name: str = ""
    arguments: str = ""
    place: int = -1
    closed: bool = False


class MessageStream:
    """Converts the payloads of a chat completion's stream into Anthropic's events."""

    def __init__(self, model_id: str, input_tokens: int | None = None) -> None:
        self._model_id = model_id
        self._usage: Body = {} if input_tokens is None else {"input_tokens": input_tokens}
        self._place = 0
        #: The kind of the open block: thinking, text, or none.
        self._open: str | None = None
        self._tools: dict[str, _Tool] = {}
        self._tool_at: dict[int, str] = {}
        self._stop = "end_turn"
        self._failed = False

    def start(self) -> bytes:
        message: Body = {
            "id": _id("msg"),
            "type": "message",
            "role": "assistant",
            "content": [],
            "model": self._model_id,
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": self._usage.get("input_tokens", 0), "output_tokens": 0},
        }
        return _event("message_start", message=message)

    def fail(self, text: str = _FAILED) -> bytes:
        """The end of a stream that failed; nothing comes after it."""
        self._failed = True
        return _event("error", error={"type": "api_error", "message": text})

    def feed(self, payload: bytes) -> bytes:
        """The events of one payload."""
        if self._failed:
            return b""
        try:
            chunk = msgspec.json.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return b""
        if not isinstance(chunk, dict):
            return b""
        if error := chunk.get("error"):
            return self.fail(str((error.get("message") if isinstance(error, dict) else error) or _FAILED))
        if isinstance(chunk.get("usage"), dict):
            self._usage |= _usage(chunk["usage"])
        choices = chunk.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            return b""
        choice = choices[0]
        delta, message = choice.get("delta") or {}, choice.get("message") or {}
        found = b""
        if (thought := _thought(delta) or _thought(message)) and self._open != "text" and not self._told():
            found += self._say("thinking", {"type": "thinking_delta", "thinking": thought})
        if (text := delta.get("content")) and not self._told():
            found += self._say("text", {"type": "text_delta", "text": text})
        if calls := delta.get("tool_calls") or message.get("tool_calls"):
            found += self._close()
            found += b"".join(self._call(call) for call in calls)
        if choice.get("finish_reason") is not None:
            self._stop = _STOPS.get(str(choice["finish_reason"]), "end_turn")
        return found

    def _told(self) -> bool:
        """Whether a call has begun: Anthropic's texts stand before all calls."""
        return any(one.place >= 0 for one in self._tools.values())

    def _say(self, kind: str, delta: Body) -> bytes:
        found = b""
        if self._open != kind:
            found = self._close()
            self._open = kind
            found += _event("content_block_start", index=self._place, content_block={"type": kind, kind: ""})
        return found + _event("content_block_delta", index=self._place, delta=delta)

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        self._open = None
        self._place += 1
        return _event("content_block_stop", index=self._place - 1)

    def _tool(self, call: Body) -> _Tool:
        """The call that a piece belongs to: by its id, or, where it has none, by its place."""
        index, name = call.get("index", 0), call.get("id") or ""
        name = name or self._tool_at.get(index) or _id("toolu")
        self._tool_at[index] = name
        return self._tools.setdefault(name, _Tool(name))

    def _call(self, call: Body) -> bytes:
        tool, function = self._tool(call), call.get("function") or {}
        tool.name = tool.name or function.get("name") or ""
        found = self._begin(tool)
        piece = function.get("arguments") or ""
        if not piece:
            return found
        tool.arguments += piece
        if tool.place < 0 or tool.closed:
            return found
        found += self._arguments(tool, piece)
        if _is_whole(tool.arguments):
            tool.closed = True
            found += _event("content_block_stop", index=tool.place)
        return found

    def _begin(self, tool: _Tool) -> bytes:
        if tool.place >= 0 or not tool.name:
            return b""
        tool.place = self._place
        self._place += 1
        block = {"type": "tool_use", "id": tool.id, "name": tool.name, "input": {}}
        return _event("content_block_start", index=tool.place, content_block=block)

    @staticmethod
    def _arguments(tool: _Tool, piece: str) -> bytes:
        delta = {"type": "input_json_delta", "partial_json": piece}
        return _event("content_block_delta", index=tool.place, delta=delta)

    def end(self) -> bytes:
        """The end of a stream that went well; nothing after `fail`."""
        if self._failed:
            return b""
        found = self._close()
        for tool in self._tools.values():
            if tool.place >= 0 and not tool.closed:
                found += _event("content_block_stop", index=tool.place)
        usage = {"output_tokens": 0, **self._usage}
        counts = {"output_tokens": usage.pop("output_tokens"), **usage}
        delta = {"stop_reason": self._stop, "stop_sequence": None}
        return found + _event("message_delta", delta=delta, usage=counts) + _event("message_stop")


def _thought(delta: Body) -> str:
    found = delta.get("reasoning_content") or delta.get("reasoning") or delta.get("thinking")
    if isinstance(found, str) and found:
        return found
    for block in delta.get("thinking_blocks") or []:
        if isinstance(block, dict) and (text := block.get("thinking") or block.get("content") or block.get("text")):
            return str(text)
    return ""


def _is_whole(text: str) -> bool:
    # Only what may be whole is read: reading every piece of long arguments anew would cost their square.
    if text.rstrip()[-1:] != "}" and text.lstrip()[:1] == "{":
        return False
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return True
