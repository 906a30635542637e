"""The answer as it grows: chunks of a stream in; output items for the database and socket messages for the page out.

The items have the shape of the OpenAI Responses API (`message`, `reasoning`, `function_call`), which is what the page
shows and the database stores. What a token costs does not depend on what came before it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.completions.answer_items import (
    GrowingCall,
    GrowingText,
    complete_reasoning,
    create_call,
    create_message,
    create_reasoning,
    resume_message,
)
from fastback.completions.completion_chunk import FunctionDelta, ToolCallDelta, decode_chunk
from fastback.completions.reasoning_tags import TagSplitter
from fastback.features.chats.messages.token_usage import normalize_usage

SocketMessage = dict[str, Any]
Output = list[dict[str, Any]]

_THINK_TAGS = ("<think>", "</think>")


class ProviderStreamError(Exception):
    """The server reported an error inside its stream, or in place of a completion; `detail` is what it reported."""

    def __init__(self, detail: Any) -> None:
        super().__init__(detail)
        self.detail = detail


class AnswerBuilder:
    """Build one answer: `feed` takes the chunks, `take_messages` and `build_output` give what has become of them.

    `previous_output` are the items of an answer that is continued.
    """

    def __init__(self, splitter: TagSplitter, previous_output: Output | None = None) -> None:
        self._splitter = splitter
        self._items: list[GrowingText | GrowingCall | dict[str, Any]] = list(previous_output or [])
        #: The item that text goes to.
        self._open: GrowingText | None = None
        self._calls: dict[int, GrowingCall] = {}
        self._messages: list[SocketMessage] = []
        #: The socket message that text of one item gathers for, and its fragments.
        self._delta: SocketMessage | None = None
        self._delta_fragments: list[str] = []
        self.usage: dict[str, Any] | None = None
        #: The chunk that ended the answer, as it came.
        self.final_chunk: msgspec.Raw | None = None
        self.finish_reason: str | None = None
        self.is_continued = bool(previous_output)
        if previous_output and previous_output[-1].get("type") == "message":
            self._open = self._items[-1] = resume_message(previous_output[-1])

    # -- chunks in -------------------------------------------------------------------------------------------------

    def feed(self, payload: bytes) -> bool:
        """Take one payload of the stream; return whether it was the last (`[DONE]`).

        Raises:
            ProviderStreamError: the payload is an error.
        """
        if payload == b"[DONE]":
            return True
        try:
            chunk = decode_chunk(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False  # comments and keep-alives of a gateway
        if chunk.error is not None:
            raise ProviderStreamError(chunk.error)
        if chunk.usage:
            self.usage = normalize_usage(chunk.usage)
        if not chunk.choices:
            return False
        choice = chunk.choices[0]
        delta = choice.delta
        if delta is not None:
            reasoning = delta.reasoning_content or delta.reasoning
            if reasoning:
                self._add_reasoning(reasoning, _THINK_TAGS, {"type": "reasoning_content"})
            if delta.content:
                self._add_content(delta.content)
            elif not reasoning and not delta.tool_calls and choice.finish_reason is None:
                self._pass_chunk(payload)
            for call in delta.tool_calls or ():
                self._add_call(call)
        if choice.finish_reason is not None:
            self.finish_reason = choice.finish_reason
            self.final_chunk = msgspec.Raw(payload)
        return False

    def close(self) -> None:
        """End the answer: text that might have begun a tag is text, and open items are complete."""
        for kind, text in self._splitter.end():
            self._add_split(kind, text)
        self._close_reasoning()
        for call in self._calls.values():
            call.item["status"] = "completed"

    def _pass_chunk(self, payload: bytes) -> None:
        """Pass a chunk without text (usually it names the role) to the page as it is."""
        self._flush_delta()
        self._messages.append({"type": "response:completion", "data": msgspec.Raw(payload)})

    def _add_content(self, text: str) -> None:
        for kind, fragment in self._splitter.feed(text):
            self._add_split(kind, fragment)

    def _add_split(self, kind: str, text: str) -> None:
        """Add a part from the splitter of reasoning tags: `text`, `reasoning`, `open` or `close`."""
        if kind == "text":
            if text:
                self._add_text(text)
        elif kind in ("reasoning", "open"):
            self._add_reasoning(text, self._splitter.open_tags or _THINK_TAGS, None)
        else:
            self._close_reasoning()

    def _add_text(self, text: str) -> None:
        current = self._open
        if current is None or current.kind != "message":
            if not text.strip() and current is not None:
                return  # the blank line between reasoning and answer
            self._close_reasoning()
            current = self._append(create_message())
        self._grow("response.output_text.delta", current, text, content_index=len(current.earlier_content))

    def _add_reasoning(self, text: str, tags: tuple[str, str], attributes: dict[str, str] | None) -> None:
        current = self._open
        if current is None or current.kind != "reasoning":
            current = self._append(create_reasoning(tags, attributes))
            self._add_item_message("response.output_item.added", len(self._items) - 1, dict(current.item))
        if text:
            self._grow("response.reasoning_text.delta", current, text, content_index=len(current.earlier_content))

    def _close_reasoning(self) -> None:
        current = self._open
        if current is None or current.kind != "reasoning":
            return
        complete_reasoning(current)
        self._add_item_message("response.output_item.done", self._index_of(current), current.snapshot())
        self._open = None

    def _append(self, item: GrowingText) -> GrowingText:
        self._items.append(item)
        self._open = item
        return item

    def _add_call(self, delta: ToolCallDelta) -> None:
        index = delta.index if delta.index is not None else len(self._calls)
        call = self._calls.get(index)
        function = delta.function or FunctionDelta()
        if call is None:
            self._close_reasoning()
            self._open = None
            call = self._calls[index] = create_call(delta.id, function.name)
            self._items.append(call)
            self._add_item_message("response.output_item.added", self._index_of(call), call.snapshot())
        if function.arguments is not None:
            self._grow("response.function_call_arguments.delta", call, function.arguments)

    def _index_of(self, item: GrowingText | GrowingCall) -> int:
        return next(index for index, candidate in enumerate(self._items) if candidate is item)

    # -- socket messages and items out -----------------------------------------------------------------------------

    def _add_item_message(self, kind: str, index: int, item: dict[str, Any]) -> None:
        self._flush_delta()
        data = {"type": kind, "output_index": index, "item": item}
        self._messages.append({"type": "response:completion", "data": data})

    def _grow(self, kind: str, item: GrowingText | GrowingCall, text: str, **fields: int) -> None:
        item.fragments.append(text)
        delta = self._delta
        if delta is not None and delta["item_id"] == item.item["id"]:
            self._delta_fragments.append(text)
            return
        self._flush_delta()
        index = self._index_of(item)
        self._delta = {"type": kind, "item_id": item.item["id"], "output_index": index, **fields, "delta": ""}
        self._delta_fragments = [text]

    def _flush_delta(self) -> None:
        if self._delta is not None:
            self._delta["delta"] = "".join(self._delta_fragments)
            self._messages.append({"type": "response:completion", "data": self._delta})
            self._delta = None
            self._delta_fragments = []

    def take_messages(self) -> list[SocketMessage]:
        """Return the socket messages since the last call; text that arrived together is in one of them."""
        self._flush_delta()
        messages, self._messages = self._messages, []
        return messages

    def build_output(self, status: str | None = None, *, strip: bool = False) -> Output:
        """Return the items as they are now. `status` marks unfinished ones; `strip` trims the last message's text."""
        output: Output = []
        for item in self._items:
            if isinstance(item, GrowingText):
                is_unfinished = item.item["status"] == "in_progress"
                output.append(item.snapshot(status if is_unfinished else None))
            elif isinstance(item, GrowingCall):
                output.append(item.snapshot())
            else:
                output.append(dict(item))
        if strip and not self.is_continued and output and output[-1]["type"] == "message":
            content = output[-1]["content"]
            if content:
                content[-1] = {**content[-1], "text": content[-1]["text"].strip()}
        return output

    @property
    def has_text(self) -> bool:
        """Whether text has come for the open item: its first must not wait to be sent."""
        return self._open is not None and bool(self._open.fragments)

    @property
    def is_empty(self) -> bool:
        return not self._items


def output_text(output: Output) -> str:
    """Return the plain text of the message items: what `content` of a stored message holds."""
    texts = (
        "".join(str(part["text"]) for part in item.get("content") or [] if isinstance(part, dict) and part.get("text"))
        for item in output
        if item.get("type") == "message"
    )
    return "\n".join(text for text in texts if text and not text.isspace())
