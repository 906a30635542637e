"""The items of an answer as they grow, and the socket messages that show their growth.

The items have the shape of the OpenAI Responses API (`message`, `reasoning`, `function_call`; code that runs has a type
of Open WebUI's own), which is what the page shows and the database stores. What a token costs does not depend on what
came before it.

An answer has one round for each call of the model: tools that a round calls add their results, and the next goes on.
"""

from __future__ import annotations

from typing import Any

from fastback.completions.answer_items import (
    GrowingCall,
    GrowingCode,
    GrowingItem,
    GrowingText,
    resume_message,
    set_end,
)

SocketMessage = dict[str, Any]
Item = dict[str, Any]
Output = list[Item]

#: Characters of a socket message's text: a longer one would hold the event loop while it is encoded.
MAX_DELTA_SIZE = 256 * 1024


class AnswerOutput:
    """Keep the items of one answer. `previous_output` are those of an answer that is continued."""

    def __init__(self, previous_output: Output | None = None) -> None:
        self._items: list[GrowingItem | Item] = list(previous_output or [])
        #: How many of the items the continued answer had, and how many there were when the round began.
        self._first_own = self._round_start = len(self._items)
        #: The item that grew last; None where nothing has come since it was complete.
        self._open: GrowingItem | None = None
        self._messages: list[SocketMessage] = []
        #: The socket message that text of one item gathers for, its fragments, and how many characters they have.
        self._delta: SocketMessage | None = None
        self._delta_fragments: list[str] = []
        self._delta_size = 0
        self.is_continued = bool(previous_output)

    def _resume_last_message(self) -> GrowingText | None:
        """Reopen the last item of a continued answer if it is a message, and return it."""
        last = self._items[-1] if self._items else None
        if not isinstance(last, dict) or last.get("type") != "message":
            return None
        message = self._open = self._items[-1] = resume_message(last)
        return message

    def _append(self, item: GrowingText) -> GrowingText:
        self._items.append(item)
        return item

    def _index_of(self, item: GrowingItem) -> int:
        return next(index for index, candidate in enumerate(self._items) if candidate is item)

    # -- rounds ----------------------------------------------------------------------------------------------------

    def list_round_calls(self) -> list[Item]:
        """Return the tool calls of the round, as they are now."""
        return [item.snapshot() for item in self._items[self._round_start :] if isinstance(item, GrowingCall)]

    def has_call(self, call_id: str) -> bool:
        """Return whether the answer has a call of this id."""
        return any(_get_type(item) == "function_call" and _get_call_id(item) == call_id for item in self._items)

    def set_call(self, call: Item) -> None:
        """Replace the fields of a call, found by its `call_id`; add one that is new."""
        fields = {name: value for name, value in call.items() if name != "arguments"}
        for item in self._items:
            if isinstance(item, GrowingCall) and item.item["call_id"] == call["call_id"]:
                item.item.update(fields)
                item.fragments = [str(call.get("arguments", ""))]
                return
        self._items.append(GrowingCall({"type": "function_call", "status": "in_progress", **fields, "arguments": ""}))
        self.set_call(call)

    def remove_call(self, call_id: str) -> None:
        """Remove a call; others take its place."""
        self._items = [
            item for item in self._items if not (isinstance(item, GrowingCall) and item.item["call_id"] == call_id)
        ]

    def add_result(self, item: Item) -> None:
        """Add the result of a call: an item of the type `function_call_output`."""
        self._items.append(item)

    def find_code(self) -> GrowingCode | None:
        """Return the code that the round ends with, and that has not run; None where it ends with anything else."""
        item = self._items[-1] if len(self._items) > self._round_start else None
        return item if isinstance(item, GrowingCode) and item.is_unfinished else None

    def end_code(self, code: GrowingCode, output: Any) -> None:
        """Add what code has returned."""
        if "ended_at" not in code.item:
            set_end(code)
        code.item |= {"status": "completed", "output": output}

    def announce_round(self) -> None:
        """Show the page the items of the round as they are now; images in results are for the model alone."""
        for index in range(self._round_start, len(self._items)):
            self._add_item_message("response.output_item.done", index, _build_shown_item(self._items[index]))

    def begin_round(self) -> None:
        """Begin the next round: what comes now are items of their own."""
        self._flush_delta()
        self._round_start = len(self._items)
        self._open = None

    def build_own_output(self) -> Output:
        """Return the items that came after those of the continued answer."""
        return self.build_output()[self._first_own :]

    def mark_calls_incomplete(self) -> None:
        """Mark the calls that have no result as incomplete: the answer was stopped while they ran."""
        answered_ids = {_get_call_id(item) for item in self._items if _get_type(item) == "function_call_output"}
        for item in self._items:
            if isinstance(item, GrowingCall) and item.item["call_id"] not in answered_ids:
                item.item["status"] = "incomplete"

    # -- socket messages and items out -----------------------------------------------------------------------------

    def _add_item_message(self, kind: str, index: int, item: dict[str, Any]) -> None:
        self._flush_delta()
        data = {"type": kind, "output_index": index, "item": item}
        self._messages.append({"type": "response:completion", "data": data})

    def _grow(self, kind: str, item: GrowingItem, text: str, **fields: int) -> None:
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

    def _begin_delta(self, kind: str, item: GrowingItem, fields: dict[str, int]) -> None:
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

    async def join_long_texts(self, *, strip: bool = False) -> None:
        """Prepare `build_output`, which takes long where a text of megabytes has come in fragments."""
        stripped = self._find_stripped() if strip else None
        for item in list(self._items):
            if isinstance(item, GrowingItem):
                await item.join_long_text(strip=item is stripped)

    def _find_stripped(self) -> GrowingText | None:
        """Return the message at the end of a new answer, whose text is trimmed."""
        item = self._items[-1] if self._items else None
        return item if not self.is_continued and isinstance(item, GrowingText) and item.kind == "message" else None

    def build_output(self, status: str | None = None, *, strip: bool = False, is_partial: bool = False) -> Output:
        """Return the items as they are now. `status` marks unfinished ones; `strip` trims the last message's text.

        `is_partial`: whether the latest of a long text may be missing, which has come since `join_long_texts`.
        """
        if strip and (stripped := self._find_stripped()) is not None:
            stripped.strip()
        return [
            item.snapshot(status, is_partial=is_partial) if isinstance(item, GrowingItem) else dict(item)
            for item in self._items
        ]

    @property
    def has_text(self) -> bool:
        """Whether text has come for the open item: its first must not wait to be sent."""
        return self._open is not None and bool(self._open.fragments)

    @property
    def is_empty(self) -> bool:
        return not self._items


def _get_type(item: GrowingItem | Item) -> Any:
    return item.get("type") if isinstance(item, dict) else item.kind


def _get_call_id(item: GrowingItem | Item) -> Any:
    return (item if isinstance(item, dict) else item.item).get("call_id")


def _build_shown_item(item: GrowingItem | Item) -> Item:
    """Return an item as the page is shown it."""
    if not isinstance(item, dict):
        return item.snapshot()
    if item.get("type") != "function_call_output":
        return item
    parts = item.get("output")
    if not isinstance(parts, list):
        return item
    return {**item, "output": [part for part in parts if part.get("type") != "input_image"]}


def output_text(output: Output) -> str:
    """Return the plain text of the message items: what `content` of a stored message holds."""
    texts = (
        "".join(str(part["text"]) for part in item.get("content") or [] if isinstance(part, dict) and part.get("text"))
        for item in output
        if item.get("type") == "message"
    )
    return "\n".join(text for text in texts if text and not text.isspace())
