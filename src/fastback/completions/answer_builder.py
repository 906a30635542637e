"""The answer as it grows: chunks of a stream in; output items for the database and socket messages for the page out.

`answer_output` keeps the items.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from fastback.completions.answer_items import (
    GrowingCall,
    GrowingCode,
    GrowingText,
    complete_reasoning,
    create_call,
    create_code,
    create_message,
    create_reasoning,
    set_end,
)
from fastback.completions.answer_output import AnswerOutput, Output
from fastback.completions.answer_tags import CODE_TAGS, TagSplitter, parse_attributes
from fastback.features.chats.messages.token_usage import add_usage, normalize_usage
from fastback.kit.pacing import let_others_run
from fastback.providers.chunk_reader import ChunkReader
from fastback.providers.completion import Completion
from fastback.providers.completion_chunk import Delta, FunctionDelta, ToolCallDelta, read_usage

_THINK_TAGS = ("<think>", "</think>")
#: Characters of a whole message that are taken at once.
_MAX_PART = 64 * 1024


class ProviderStreamError(Exception):
    """The server reported an error inside its stream, or in place of a completion; `detail` is what it reported."""

    def __init__(self, detail: Any) -> None:
        super().__init__(detail)
        self.detail = detail


def _split_message(message: Delta) -> Iterator[Delta]:
    """Yield a whole message in deltas that are not long."""
    reasoning, text = message.get_reasoning() or "", message.get_text() or ""
    if len(reasoning) + len(text) <= _MAX_PART:
        yield message
        return
    for start in range(0, len(reasoning), _MAX_PART):
        yield Delta(reasoning_content=reasoning[start : start + _MAX_PART])
    for start in range(0, len(text), _MAX_PART):
        yield Delta(content=text[start : start + _MAX_PART])
    if message.tool_calls:
        yield Delta(tool_calls=message.tool_calls)


class AnswerBuilder(AnswerOutput):
    """Build one answer: `feed` takes the chunks, `take_messages` and `build_output` give what has become of them.

    Text goes on in one message until a tool is called: reasoning in the middle of text joins the reasoning before it.
    Code that is to run ends the round: what the model writes behind it is made up.
    `previous_output` are the items of an answer that is continued.
    """

    def __init__(self, splitter: TagSplitter, previous_output: Output | None = None) -> None:
        super().__init__(previous_output)
        self._reader = ChunkReader()
        self._splitter = splitter
        #: The message that text goes to, and the reasoning before it.
        self._message: GrowingText | None = None
        self._reasoning: GrowingText | None = None
        #: Blank text that has come before any other.
        self._leading_blanks: list[str] = []
        self._calls: dict[int | None, GrowingCall] = {}
        #: The opening tag of code, the code behind it, and whether that is complete.
        self._code_tag = ""
        self._code: GrowingCode | None = None
        self._ends_with_code = False
        #: The token counts as the server names them, and normalized.
        self._raw_usage: dict[str, Any] = {}
        #: Those of all rounds, and of the earlier ones.
        self.usage: dict[str, Any] | None = None
        self._earlier_usage: dict[str, Any] | None = None
        #: The chunk that ended the answer, as it came.
        self.final_chunk: msgspec.Raw | None = None
        self.finish_reason: str | None = None
        self._message = self._resume_last_message()

    def begin_round(self) -> None:
        super().begin_round()
        self._reader = ChunkReader()
        self._splitter.reset()
        self._message = self._reasoning = self._code = None
        self._ends_with_code = False
        self._leading_blanks.clear()
        self._calls = {}
        self._raw_usage, self._earlier_usage = {}, self.usage
        self.final_chunk = None
        self.finish_reason = None

    def find_code(self) -> GrowingCode | None:
        """Return the code that the round ends with, and that is to run; code that was cut off is not.

        Code without its closing tag is complete where the model has stopped by itself, as at a stop sequence.
        """
        code = super().find_code()
        has_ended = self._ends_with_code or self.finish_reason not in (None, "length")
        return code if has_ended else None

    # -- chunks in -------------------------------------------------------------------------------------------------

    def feed(self, payload: bytes) -> bool:
        """Take one payload of the stream; return whether it was the last (`[DONE]`), or the end of code that is to run.

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
        return self._ends_with_code

    async def feed_completion(self, completion: Completion) -> None:
        """Take a whole completion in place of a stream; the event loop runs between parts of a long one."""
        self._add_usage(completion.usage)
        self.finish_reason = completion.finish_reason
        message = completion.message
        if message is None:
            return
        for part in _split_message(message):
            self._add_delta(part)
            if part is not message:
                await let_others_run()

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
            usage = normalize_usage(self._raw_usage)
            self.usage = add_usage(self._earlier_usage, usage) if self._earlier_usage and usage else usage

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
        """Add a part from the splitter of tags."""
        if self._ends_with_code:
            return
        if kind == "text":
            if text:
                self._add_text(text)
        elif kind in ("reasoning", "open"):
            self._add_reasoning(text, self._splitter.open_tags or _THINK_TAGS, None)
        elif kind == "open_code":
            self._code_tag = text
        elif kind == "code":
            self._add_code(text)
        elif kind == "close_code":
            self._close_code()
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

    def _add_code(self, text: str) -> None:
        code = self._code
        if code is None:
            text = text.lstrip()
            if not text:
                return  # nothing has come between the tags yet
            self._close_reasoning()
            self._message = self._reasoning = None
            self._leading_blanks.clear()
            code = self._code = create_code(CODE_TAGS, parse_attributes(self._code_tag))
            self._items.append(code)
            self._add_item_message("response.output_item.added", self._index_of(code), code.snapshot())
        self._open = code
        self._grow("response.output_text.delta", code, text, content_index=0)

    def _close_code(self) -> None:
        code = self._code
        if code is None:
            return
        code.strip()
        set_end(code)
        self._ends_with_code = True
        self._add_item_message("response.output_item.done", self._index_of(code), code.snapshot())
        self._open = None

    def _add_call(self, delta: ToolCallDelta) -> None:
        call = self._calls.get(delta.index)
        function = delta.function or FunctionDelta()
        if call is None:
            self._close_reasoning()
            self._message = self._reasoning = None
            self._leading_blanks.clear()
            # Some servers begin to number their calls again in each round.
            call_id = None if delta.id and self.has_call(delta.id) else delta.id
            call = self._calls[delta.index] = create_call(call_id, function.name)
            self._items.append(call)
            self._add_item_message("response.output_item.added", self._index_of(call), call.snapshot())
        elif function.name and not call.item["name"]:
            call.item["name"] = function.name
        self._open = call
        if function.arguments is not None:
            self._grow("response.function_call_arguments.delta", call, function.arguments)
