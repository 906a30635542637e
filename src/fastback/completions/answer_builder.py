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
from fastback.completions.reasoning_tags import TagSplitter
from fastback.features.chats.messages.token_usage import normalize_usage
from fastback.providers.chunk_reader import ChunkReader
from fastback.providers.completion import Completion
from fastback.providers.completion_chunk import Delta, FunctionDelta, ToolCallDelta, read_usage

SocketMessage = dict[str, Any]
Output = list[dict[str, Any]]

_THINK_TAGS = ("<think>", "</think>")

#: Characters of a socket message's text: a longer one would hold the event loop while it is encoded.
MAX_DELTA_SIZE = 256 * 1024


class ProviderStreamError(Exception):
    """The server reported an error inside its stream, or in place of a completion; `detail` is what it reported."""

    def __init__(self, detail: Any) -> None:
        super().__init__(detail)
        self.detail = detail


class AnswerBuilder:
    """Build one answer: `feed` takes the chunks, `take_messages` and `build_output` give what has become of them.

    Text goes on in one message until a tool is called: reasoning in the middle of text joins the reasoning before it.
    `previous_output` are the items of an answer that is continued.
    """

    def __init__(self, splitter: TagSplitter, previous_output: Output | None = None) -> None:
        self._reader = ChunkReader()
        self._splitter = splitter
        self._items: list[GrowingText | GrowingCall | dict[str, Any]] = list(previous_output or [])
        #: The item that grew last; None where nothing has come since it was complete.
        self._open: GrowingText | GrowingCall | None = None
        #: The message that text goes to, and the reasoning before it.
        self._message: GrowingText | None = None
        self._reasoning: GrowingText | None = None
        #: Blank text that has come before any other.
        self._leading_blanks: list[str] = []
        self._calls: dict[int | None, GrowingCall] = {}
        self._messages: list[SocketMessage] = []
        #: The socket message that text of one item gathers for, its fragments, and how many characters they have.
        self._delta: SocketMessage | None = None
        self._delta_fragments: list[str] = []
        self._delta_size = 0
        #: The token counts as the server names them, and normalized.
        self._raw_usage: dict[str, Any] = {}
        self.usage: dict[str, Any] | None = None
        #: The chunk that ended the answer, as it came.
        self.final_chunk: msgspec.Raw | None = None
        self.finish_reason: str | None = None
        self.is_continued = bool(previous_output)
        if previous_output and previous_output[-1].get("type") == "message":
            self._message = self._open = self._items[-1] = resume_message(previous_output[-1])

    # -- chunks in -------------------------------------------------------------------------------------------------

    def feed(self, payload: bytes) -> bool:
        """Take one payload of the stream; return whether it was the last (`[DONE]`).

        Raises:
            ProviderStreamError: the payload is an error. What else it holds is in the answer.
        """
        if payload == b"[DONE]":
            return True
        chunk = self._reader.read(payload)
        if chunk is None:
            return False  # comments and keep-alives of a gateway
        if chunk.usage or chunk.timings:
            self._add_usage(read_usage(chunk))
        if chunk.choices:
            choice = chunk.choices[0]
            is_last = choice.finish_reason is not None
            if choice.delta is not None and not self._add_delta(choice.delta) and not is_last:
                self._pass_chunk(payload)
            if is_last:
                self.finish_reason = choice.finish_reason
                self.final_chunk = msgspec.Raw(self.get_valid_payload(payload) or b"null")
        if chunk.error is not None:
            raise ProviderStreamError(chunk.error)
        return False

    def feed_completion(self, completion: Completion) -> None:
        """Take a whole completion in place of a stream."""
        self._add_usage(completion.usage)
        self.finish_reason = completion.finish_reason
        if completion.message is not None:
            self._add_delta(completion.message)

    def get_valid_payload(self, payload: bytes) -> bytes | None:
        """Return the payload that was fed last as JSON that may be passed on; None for a comment or a keep-alive."""
        return self._reader.get_valid_payload(payload)

    def close(self) -> None:
        """End the answer: text that might have begun a tag is text, and open items are complete."""
        for kind, text in self._splitter.end():
            self._add_split(kind, text)
        self._close_reasoning()
        for call in self._calls.values():
            call.item["status"] = "completed"

    def _add_usage(self, usage: dict[str, Any] | None) -> None:
        """Add token counts; servers may name those of the question first, and those of the answer at the end."""
        if usage:
            earlier = {name: count for name, count in self._raw_usage.items() if name != "total_tokens"}
            self._raw_usage = {**earlier, **{name: count for name, count in usage.items() if count is not None}}
            self.usage = normalize_usage(self._raw_usage)

    def _add_delta(self, delta: Delta) -> bool:
        """Add what a chunk brings; return whether it brings anything."""
        reasoning = delta.reasoning_content or delta.get_reasoning()
        if reasoning:
            self._add_reasoning(reasoning, _THINK_TAGS, {"type": "reasoning_content"})
        text = delta.content or delta.refusal
        if text:
            self._add_content(text)
        if delta.tool_calls:
            for call in delta.tool_calls:
                self._add_call(call)
        return bool(reasoning or text or delta.tool_calls)

    def _pass_chunk(self, payload: bytes) -> None:
        """Pass a chunk without text (usually it names the role) to the page as it is."""
        self._flush_delta()
        data = msgspec.Raw(self.get_valid_payload(payload) or b"null")
        self._messages.append({"type": "response:completion", "data": data})

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
        message = self._message
        if message is None:
            if text.isspace():
                self._leading_blanks.append(text)  # nothing, where reasoning or nothing follows
                return
            text = "".join([*self._leading_blanks, text])
            if self._reasoning is not None:
                text = text.lstrip()  # the blank line between reasoning and answer
            self._leading_blanks.clear()
            self._close_reasoning()
            message = self._message = self._append(create_message())
        self._open = message
        self._grow("response.output_text.delta", message, text, content_index=len(message.earlier_content))

    def _add_reasoning(self, text: str, tags: tuple[str, str], attributes: dict[str, str] | None) -> None:
        reasoning = self._reasoning
        if reasoning is None or (self._message is None and reasoning.item["status"] == "completed"):
            self._leading_blanks.clear()
            reasoning = self._reasoning = create_reasoning(tags, attributes)
            if self._message is None:
                self._append(reasoning)
            else:
                # Text has come before it: the page shows it above the text, as a whole.
                self._items.insert(self._index_of(self._message), reasoning)
                complete_reasoning(reasoning)
            self._add_item_message("response.output_item.added", self._index_of(reasoning), dict(reasoning.item))
        self._open = reasoning
        if text:
            self._grow("response.reasoning_text.delta", reasoning, text, content_index=len(reasoning.earlier_content))

    def _close_reasoning(self) -> None:
        reasoning = self._reasoning
        if reasoning is None or reasoning.item["status"] == "completed":
            return
        complete_reasoning(reasoning)
        self._add_item_message("response.output_item.done", self._index_of(reasoning), reasoning.snapshot())
        self._open = None

    def _append(self, item: GrowingText) -> GrowingText:
        self._items.append(item)
        return item

    def _add_call(self, delta: ToolCallDelta) -> None:
        call = self._calls.get(delta.index)
        function = delta.function or FunctionDelta()
        if call is None:
            self._close_reasoning()
            self._message = self._reasoning = None
            self._leading_blanks.clear()
            call = self._calls[delta.index] = create_call(delta.id, function.name)
            self._items.append(call)
            self._add_item_message("response.output_item.added", self._index_of(call), call.snapshot())
        elif function.name and not call.item["name"]:
            call.item["name"] = function.name
        self._open = call
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
        """Add text to an item, and to the socket message for it; a very long text is sent in pieces."""
        item.fragments.append(text)
        if self._delta is None or self._delta["item_id"] != item.item["id"]:
            self._begin_delta(kind, item, fields)
        size = len(text)
        if self._delta_size + size <= MAX_DELTA_SIZE:
            self._delta_fragments.append(text)
            self._delta_size += size
            return
        for start in range(0, size, MAX_DELTA_SIZE):
            self._begin_delta(kind, item, fields)
            fragment = text[start : start + MAX_DELTA_SIZE]
            self._delta_fragments.append(fragment)
            self._delta_size = len(fragment)

    def _begin_delta(self, kind: str, item: GrowingText | GrowingCall, fields: dict[str, int]) -> None:
        self._flush_delta()
        index = self._index_of(item)
        self._delta = {"type": kind, "item_id": item.item["id"], "output_index": index, **fields, "delta": ""}

    def _flush_delta(self) -> None:
        if self._delta is None:
            return
        if self._delta_fragments:
            self._delta["delta"] = "".join(self._delta_fragments)
            self._messages.append({"type": "response:completion", "data": self._delta})
        self._delta = None
        self._delta_fragments = []
        self._delta_size = 0

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
