"""Output items of an answer while they grow, in the shape of the OpenAI Responses API.

Text gathers in a list of fragments, so that a token costs the same at the start and at the end of an answer.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

from fastback.kit.fragment_lists import join_texts

Item = dict[str, Any]

#: Characters of a text that is joined in parts.
_LONG_TEXT = 1024 * 1024

#: The type of items with code that runs during the answer.
CODE_ITEM = "open_webui:code_interpreter"


def create_item_id(prefix: str) -> str:
    """Create an id in the reference's form: a prefix and 24 hexadecimal digits."""
    return f"{prefix}_{uuid.uuid4().hex[:24]}"


class GrowingItem:
    """An item whose text gathers in fragments."""

    __slots__ = ("fragments", "item", "kind")

    def __init__(self, item: Item) -> None:
        self.item = item
        #: The item's type: `message`, `reasoning`, `function_call` or `CODE_ITEM`.
        self.kind: str = item["type"]
        self.fragments: list[str] = []

    @property
    def is_unfinished(self) -> bool:
        return bool(self.item["status"] == "in_progress")

    def snapshot(self, status: str | None = None, *, is_partial: bool = False) -> Item:
        """Return the item as it is now; one that is unfinished has the status that is given.

        `is_partial`: whether the latest of a long text may be missing.
        """
        item = {**self.item, **self._build_content(self._get_joined_text() if is_partial else self.text())}
        if status is not None and self.is_unfinished:
            item["status"] = status
        return item

    def _build_content(self, text: str) -> Item:
        """Return the fields that hold the text."""
        raise NotImplementedError

    def text(self) -> str:
        """Return the text so far; the fragments become one, so that they are joined only once."""
        if len(self.fragments) > 1:
            self.fragments = ["".join(self.fragments)]
        return self.fragments[0] if self.fragments else ""

    def _get_joined_text(self) -> str:
        """Return the text, of a long one what is joined already."""
        is_long = bool(self.fragments) and len(self.fragments[0]) > _LONG_TEXT
        return self.fragments[0] if is_long else self.text()

    async def join_long_text(self, *, strip: bool = False) -> None:
        """Join the fragments of a long text, and `strip` it, while others run: `text` would hold them up.

        Text may come meanwhile.
        """
        fragments = self.fragments
        if sum(map(len, fragments)) <= _LONG_TEXT:
            return
        first, last = fragments[0], fragments[-1]
        if len(fragments) == 1 and not (strip and (first[:1].isspace() or last[-1:].isspace())):
            return
        count = len(fragments)
        joined = await join_texts(fragments[:count], strip=strip)
        if self.fragments is fragments and len(fragments) >= count and fragments[count - 1] is last:
            fragments[:count] = [joined]

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

    def _build_content(self, text: str) -> Item:
        return {"arguments": text}


class GrowingCode(GrowingItem):
    """Code that runs once it is complete."""

    __slots__ = ()

    def _build_content(self, text: str) -> Item:
        return {"code": text}


class GrowingText(GrowingItem):
    """A message, or reasoning. `earlier_content` is what a continued answer held before."""

    __slots__ = ("earlier_content",)

    def __init__(self, item: Item, earlier_content: list[Item] | None = None) -> None:
        super().__init__(item)
        self.earlier_content = earlier_content or []

    def _build_content(self, text: str) -> Item:
        return {
            "content": [*self.earlier_content, {"type": "output_text", "text": text}]
            if text or self.earlier_content
            else []
        }


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
    reasoning.item["status"] = "completed"
    set_end(reasoning)


def set_end(item: GrowingItem) -> None:
    """Set the end and the duration (seconds) of reasoning or code, in place."""
    ended_at = time.time()
    item.item["ended_at"] = ended_at
    item.item["duration"] = int(ended_at - item.item["started_at"])


def create_code(tags: tuple[str, str], attributes: dict[str, str]) -> GrowingCode:
    """Create empty code; `attributes` are those of its opening tag."""
    item: Item = {
        "type": CODE_ITEM,
        "id": create_item_id("ci"),
        "status": "in_progress",
        "start_tag": tags[0],
        "end_tag": tags[1],
        "attributes": attributes,
        "lang": attributes.get("lang", "python"),
        "code": "",
        "output": None,
        "started_at": time.time(),
    }
    return GrowingCode(item)


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
