"""An answer as it grows: pieces of a provider's stream in, items of the answer and events for the page out.

The items have the shape of the OpenAI Responses API (`message`, `reasoning`, `function_call`), which is what the page
shows and the database keeps. Text gathers in lists: a token costs the same at the start and at the end of an answer.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec

from fastback.completions.reasoning_tags import TagSplitter
from fastback.features.chats.messages.token_usage import normalize_usage

Frame = dict[str, Any]


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    usage: dict[str, Any] | None = None
    error: Any = None
    selected_model_id: str | None = None
    type: str | None = None


_decode = msgspec.json.Decoder(_Chunk).decode


def item_id(prefix: str) -> str:
    """An id of an item, in the reference's form: a prefix and 24 hexadecimal digits."""
    return f"{prefix}_{uuid.uuid4().hex[:24]}"


class _Growing:
    """An item whose text gathers in pieces."""

    __slots__ = ("item", "pieces")

    def __init__(self, item: dict[str, Any]) -> None:
        self.item = item
        self.pieces: list[str] = []

    def text(self) -> str:
        if len(self.pieces) > 1:
            self.pieces = ["".join(self.pieces)]
        return self.pieces[0] if self.pieces else ""


class _Call(_Growing):
    """A tool's call, whose arguments gather."""

    __slots__ = ()

    def snapshot(self) -> dict[str, Any]:
        return {**self.item, "arguments": self.text()}


class _Text(_Growing):
    """A message, or reasoning."""

    __slots__ = ("before",)

    def __init__(self, item: dict[str, Any], before: list[dict[str, Any]] | None = None) -> None:
        super().__init__(item)
        #: Content that stood there already, when an answer is continued.
        self.before = before or []

    def snapshot(self, status: str | None = None) -> dict[str, Any]:
        text = self.text()
        content = [*self.before, {"type": "output_text", "text": text}] if text or self.before else []
        item = {**self.item, "content": content}
        if status is not None:
            item["status"] = status
        return item


class ProviderError(Exception):
    """The provider answered with an error inside its stream; `detail` is what it said."""

    def __init__(self, detail: Any) -> None:
        super().__init__(detail)
        self.detail = detail


class Answer:
    """Gathers one answer. `frames` holds the events that have not been sent yet."""

    def __init__(self, splitter: TagSplitter, previous: list[dict[str, Any]] | None = None) -> None:
        self._splitter = splitter
        self._items: list[_Text | _Call | dict[str, Any]] = []
        self._open: _Text | None = None
        self._calls: dict[int, _Call] = {}
        self._frames: list[Frame] = []
        self._delta: Frame | None = None
        self._delta_pieces: list[str] = []
        self.usage: dict[str, Any] | None = None
        self.finish: msgspec.Raw | None = None
        self.finish_reason: str | None = None
        self.selected_model_id: str | None = None
        self.continued = bool(previous)
        if previous:
            self._resume(previous)

    def _resume(self, previous: list[dict[str, Any]]) -> None:
        for item in previous:
            self._items.append(item)
        last = previous[-1]
        if last.get("type") == "message":
            item = {**last, "status": "in_progress"}
            before = item.pop("content", None) or []
            self._open = _Text({**item, "content": []}, before)
            self._items[-1] = self._open

    # -- in ------------------------------------------------------------------------------------------------------

    def feed(self, payload: bytes) -> bool:
        """Take one payload of the stream; whether it was the last (`[DONE]`).

        Raises:
            ProviderError: the payload is an error.
        """
        if payload == b"[DONE]":
            return True
        try:
            chunk = _decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False  # not ours to understand: comments, keep-alives of a gateway
        if chunk.error is not None:
            raise ProviderError(chunk.error)
        if chunk.selected_model_id:
            self.selected_model_id = chunk.selected_model_id
        if chunk.usage:
            self.usage = normalize_usage(chunk.usage)
        if not chunk.choices:
            return False
        choice = chunk.choices[0]
        delta = choice.delta
        if delta is not None:
            thought = delta.reasoning_content or delta.reasoning
            if thought:
                self._reason(thought, ("<think>", "</think>"), {"type": "reasoning_content"})
            if delta.content:
                self._content(delta.content)
            elif not thought and not delta.tool_calls and choice.finish_reason is None:
                self._raw(payload)
            for call in delta.tool_calls or ():
                self._call(call)
        if choice.finish_reason is not None:
            self.finish_reason = choice.finish_reason
            self.finish = msgspec.Raw(payload)
        return False

    def _raw(self, payload: bytes) -> None:
        """A chunk that says nothing yet (the role, usually) goes to the page as it is."""
        self._flush_delta()
        self._frames.append({"type": "response:completion", "data": msgspec.Raw(payload)})

    def _content(self, text: str) -> None:
        for kind, piece in self._splitter.feed(text):
            self._piece(kind, piece)

    def _piece(self, kind: str, piece: str) -> None:
        if kind == "text":
            if piece:
                self._say(piece)
        elif kind == "reasoning":
            self._reason(piece, self._splitter.inside or ("<think>", "</think>"), None)
        elif kind == "open":
            self._reason("", self._splitter.inside or ("<think>", "</think>"), None)
        else:
            self._close_reasoning()

    def _say(self, text: str) -> None:
        current = self._open
        if current is None or current.item["type"] != "message":
            if not text.strip() and current is not None:
                return  # the blank line between reasoning and answer
            self._close_reasoning()
            current = self._begin(
                {"type": "message", "id": item_id("msg"), "status": "in_progress", "role": "assistant", "content": []}
            )
        self._grow("response.output_text.delta", current, text, content_index=len(current.before))

    def _reason(self, text: str, tags: tuple[str, str], attributes: dict[str, str] | None) -> None:
        current = self._open
        if current is None or current.item["type"] != "reasoning":
            current = self._begin(
                {
                    "type": "reasoning",
                    "id": item_id("r"),
                    "status": "in_progress",
                    "start_tag": tags[0],
                    "end_tag": tags[1],
                    "attributes": attributes or {"type": "reasoning_content"},
                    "content": [],
                    "summary": None,
                    "started_at": time.time(),
                }
            )
            self._flush_delta()
            self._frame("response.output_item.added", len(self._items) - 1, item=dict(current.item))
        if text:
            self._grow("response.reasoning_text.delta", current, text, content_index=len(current.before))

    def _close_reasoning(self) -> None:
        current = self._open
        if current is None or current.item["type"] != "reasoning":
            return
        ended = time.time()
        current.item["status"] = "completed"
        current.item["ended_at"] = ended
        current.item["duration"] = int(ended - current.item["started_at"])
        self._flush_delta()
        self._frame("response.output_item.done", self._place(current), item=current.snapshot())
        self._open = None

    def _begin(self, item: dict[str, Any]) -> _Text:
        text = _Text(item)
        self._items.append(text)
        self._open = text
        return text

    def _call(self, call: _ToolCall) -> None:
        index = call.index if call.index is not None else len(self._calls)
        known = self._calls.get(index)
        function = call.function or _Function()
        if known is None:
            self._close_reasoning()
            self._open = None
            call_id = call.id or item_id("call")
            known = self._calls[index] = _Call(
                {
                    "type": "function_call",
                    "id": call_id,
                    "call_id": call_id,
                    "name": function.name or "",
                    "arguments": "",
                    "status": "in_progress",
                }
            )
            self._items.append(known)
            self._flush_delta()
            self._frame("response.output_item.added", self._place(known), item=known.snapshot())
        if function.arguments is not None:
            self._grow("response.function_call_arguments.delta", known, function.arguments)

    def _place(self, item: Any) -> int:
        return next(place for place, one in enumerate(self._items) if one is item)

    # -- out -----------------------------------------------------------------------------------------------------

    def _frame(self, kind: str, place: int, **fields: Any) -> None:
        data = {"type": kind, "output_index": place, **fields}
        self._frames.append({"type": "response:completion", "data": data})

    def _grow(self, kind: str, item: _Text | _Call, text: str, **more: int) -> None:
        item.pieces.append(text)
        pending = self._delta
        if pending is not None and pending["item_id"] == item.item["id"]:
            self._delta_pieces.append(text)
            return
        self._flush_delta()
        place = self._place(item)
        self._delta = {"type": kind, "item_id": item.item["id"], "output_index": place, **more, "delta": ""}
        self._delta_pieces = [text]

    def _flush_delta(self) -> None:
        if self._delta is not None:
            self._delta["delta"] = "".join(self._delta_pieces)
            self._frames.append({"type": "response:completion", "data": self._delta})
            self._delta = None
            self._delta_pieces = []

    def take_frames(self) -> list[Frame]:
        """The events since the last call: what arrived together goes out together."""
        self._flush_delta()
        frames, self._frames = self._frames, []
        return frames

    def close(self) -> None:
        """No more comes: what was held back is text, open items are complete."""
        for kind, piece in self._splitter.end():
            self._piece(kind, piece)
        self._close_reasoning()
        for call in self._calls.values():
            call.item["status"] = "completed"

    def output(self, status: str | None = None, *, strip: bool = False) -> list[dict[str, Any]]:
        """The items as they stand. `status` marks the unfinished ones; `strip` trims the last message's text."""
        found: list[dict[str, Any]] = []
        for item in self._items:
            if isinstance(item, _Text):
                wanted = status if item.item["status"] == "in_progress" else None
                found.append(item.snapshot(wanted))
            elif isinstance(item, _Call):
                found.append(item.snapshot())
            else:
                found.append(dict(item))
        if strip and not self.continued and found and found[-1]["type"] == "message":
            content = found[-1]["content"]
            if content:
                content[-1] = {**content[-1], "text": content[-1]["text"].strip()}
        return found

    @property
    def speaks(self) -> bool:
        """Whether any text has come yet: nobody must wait for the first of it."""
        return self._open is not None and bool(self._open.pieces)

    @property
    def empty(self) -> bool:
        return not self._items


def text_of(output: list[dict[str, Any]]) -> str:
    """The plain text of the message items: what `content` of a stored message holds."""
    texts = (
        "".join(str(part["text"]) for part in item.get("content") or [] if isinstance(part, dict) and part.get("text"))
        for item in output
        if item.get("type") == "message"
    )
    return "\n".join(text for text in texts if text and not text.isspace())
