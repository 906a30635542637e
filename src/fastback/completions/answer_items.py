"""Output items of an answer while they grow, in the shape of the OpenAI Responses API.

Text gathers in a list of fragments, so that a token costs the same at the start and at the end of an answer.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

Item = dict[str, Any]


def create_item_id(prefix: str) -> str:
    """Create an id in the reference's form: a prefix and 24 hexadecimal digits."""
    return f"{prefix}_{uuid.uuid4().hex[:24]}"


class GrowingItem:
    """An item whose text gathers in fragments."""

    __slots__ = ("fragments", "item", "kind")

    def __init__(self, item: Item) -> None:
        self.item = item
        #: The item's type: `message`, `reasoning` or `function_call`.
        self.kind: str = item["type"]
        self.fragments: list[str] = []

    def text(self) -> str:
        """Return the text so far; the fragments become one, so that they are joined only once."""
        if len(self.fragments) > 1:
            self.fragments = ["".join(self.fragments)]
        return self.fragments[0] if self.fragments else ""

    def strip(self) -> None:
        """Remove blanks around the text, without a copy of all of it."""
        fragments = self.fragments
        while fragments and not (first := fragments[0].lstrip()):
            del fragments[0]
        if fragments:
            fragments[0] = first
        while fragments and not (last := fragments[-1].rstrip()):
            del fragments[-1]
        if fragments:
            fragments[-1] = last


class GrowingCall(GrowingItem):
    """A tool call, whose arguments gather."""

    __slots__ = ()

    def snapshot(self) -> Item:
        """Return the item as it is now."""
        return {**self.item, "arguments": self.text()}


class GrowingText(GrowingItem):
    """A message, or reasoning. `earlier_content` is what a continued answer held before."""

    __slots__ = ("earlier_content",)

    def __init__(self, item: Item, earlier_content: list[Item] | None = None) -> None:
        super().__init__(item)
        self.earlier_content = earlier_content or []

    def snapshot(self, status: str | None = None) -> Item:
        """Return the item as it is now, with another status where one is given."""
        text = self.text()
        content = [*self.earlier_content, {"type": "output_text", "text": text}] if text or self.earlier_content else []
        item = {**self.item, "content": content}
        if status is not None:
            item["status"] = status
        return item


def create_message() -> GrowingText:
    """Create an empty message."""
    item = {
        "type": "message",
        "id": create_item_id("msg"),
        "status": "in_progress",
        "role": "assistant",
        "content": [],
    }
    return GrowingText(item)


def create_reasoning(tags: tuple[str, str], attributes: dict[str, str] | None) -> GrowingText:
    """Create empty reasoning; `tags` are those that the page writes around it."""
    item: Item = {
        "type": "reasoning",
        "id": create_item_id("r"),
        "status": "in_progress",
        "start_tag": tags[0],
        "end_tag": tags[1],
        "attributes": attributes or {"type": "reasoning_content"},
        "content": [],
        "summary": None,
        "started_at": time.time(),
    }
    return GrowingText(item)


def complete_reasoning(reasoning: GrowingText) -> None:
    """Set the status, the end and the duration (seconds) of reasoning, in place."""
    ended_at = time.time()
    reasoning.item["status"] = "completed"
    reasoning.item["ended_at"] = ended_at
    reasoning.item["duration"] = int(ended_at - reasoning.item["started_at"])


def create_call(call_id: str | None, name: str | None) -> GrowingCall:
    """Create a call of a tool, without arguments yet."""
    call_id = call_id or create_item_id("call")
    item = {
        "type": "function_call",
        "id": call_id,
        "call_id": call_id,
        "name": name or "",
        "arguments": "",
        "status": "in_progress",
    }
    return GrowingCall(item)


def resume_message(item: Item) -> GrowingText:
    """Reopen the last message of an answer that is continued: what it holds stays as content before the new text."""
    reopened = {**item, "status": "in_progress"}
    earlier_content = reopened.pop("content", None) or []
    return GrowingText({**reopened, "content": []}, earlier_content)
