"""How much of a model's context a chat fills, and from where on it counts: summaries stand for what came before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from fastback.config import Config
from fastback.config.keys.chat import (
    CHAT_CONTEXT_COMPACTION_ENABLE,
    CHAT_CONTEXT_COMPACTION_TOKEN_CAP,
    CHAT_CONTEXT_COMPACTION_TOKEN_THRESHOLD,
)
from fastback.features.chats.document import Document, Message
from fastback.features.chats.messages.token_usage import count_spent_tokens

#: Tokens that an image is taken for, and those around each message.
IMAGE_TOKENS, MESSAGE_TOKENS = 1000, 4
#: Characters of a token, roughly.
CHARACTERS = 4

#: Data within addresses: models are shown the file's name alone.
_INLINE = re.compile(r"data:[\w/+.;=%-]*;base64,[A-Za-z0-9+/=]*")
_MARKER = "open_webui:context_compaction"


class Usage(msgspec.Struct):
    """Tokens of a chat's current branch, of those at which it is compacted."""

    tokens: int
    estimated_tokens: int
    threshold: int
    percent: int
    source: str = "estimated"


class ContextUsage:
    """Measures chats, where compaction is switched on."""

    def __init__(self, config: Config) -> None:
        self._config = config

    @property
    def is_enabled(self) -> bool:
        return self._config.flag(CHAT_CONTEXT_COMPACTION_ENABLE)

    def get_threshold(self, params: Any) -> int:
        """Tokens at which a chat with these parameters is compacted."""
        most = _parse_positive(self._config.get(CHAT_CONTEXT_COMPACTION_TOKEN_THRESHOLD)) or 80000
        cap = _parse_positive(self._config.get(CHAT_CONTEXT_COMPACTION_TOKEN_CAP)) or most
        own = _parse_positive(params.get("compact_token_threshold")) if isinstance(params, dict) else None
        return min(own or most, cap)

    def measure(self, document: Document, current_id: str | None) -> dict[str, Any] | None:
        """The usage of the branch that ends at a message, or where the chat opens; None where nobody asks."""
        if not self.is_enabled:
            return None
        found: list[Message] = []
        before: str | None = None
        tokens = 0
        for message in _iterate_upwards(document, current_id or document.opening_message_id):
            found.insert(0, message)
            tokens = _count_spent_tokens(message)
            before = find_summary(message)
            if tokens or before is not None:
                break
            if any(one.get("type") == _MARKER for one in _list_items(message)):
                found = [*reversed(list(_iterate_upwards(document, message.get("parentId")))), *found]
                found, before = split_at_summary(found)
                break
        if not found:
            return None
        tokens = (
            tokens + estimate_messages(found[1:])
            if tokens
            else estimate_tokens(before or "") + estimate_messages(found)
        )
        threshold = self.get_threshold(document.get_field("params"))
        percent = round(tokens / threshold * 100)
        return msgspec.structs.asdict(Usage(tokens, tokens, threshold, percent))


def _iterate_upwards(document: Document, last_id: str | None) -> Iterator[Message]:
    """The messages of a branch from its end to its root, each decoded when it is asked for."""
    seen: set[str] = set()
    current: Any = last_id
    while isinstance(current, str) and current not in seen:
        seen.add(current)
        message = document.find_message(current)
        if message is None:
            return
        yield message
        current = message.get("parentId")


def _count_spent_tokens(message: Message) -> int:
    info = message.get("info")
    return count_spent_tokens(message.get("usage") or (info.get("usage") if isinstance(info, dict) else None))


def exceeds_threshold(messages: list[Message], before: list[str], threshold: int) -> bool:
    """Whether messages, with what stands before them (`before`), are more than so many tokens."""
    for place in range(len(messages) - 1, -1, -1):
        if tokens := _count_spent_tokens(messages[place]):
            return tokens + estimate_messages(messages[place + 1 :]) > threshold
    return sum(map(estimate_tokens, before)) + estimate_messages(messages) > threshold


def _parse_positive(value: Any) -> int | None:
    try:
        found = int(value)
    except (TypeError, ValueError):
        return None
    return found if found > 0 else None


def find_summary(message: Message) -> str | None:
    """The summary of everything before a message, where the chat was compacted there."""
    found = message.get("contextSummary") or message.get("context_summary")
    return found if isinstance(found, str) and found.strip() else None


def split_at_summary(messages: list[Message]) -> tuple[list[Message], str | None]:
    """The messages from the last place on where the chat was compacted, and the summary of those before.

    An answer that called tools may have been compacted between two calls: it then holds a marker that names the call
    from which on its items count.
    """
    for place in range(len(messages) - 1, -1, -1):
        summary = find_summary(messages[place])
        if summary is not None:
            return messages[place:], summary
        marked = [one for one in _list_items(messages[place]) if one.get("type") == _MARKER]
        if marked:
            cut = _cut_at_call(messages, place, marked[-1])
            if cut is not None:
                return cut, str(marked[-1].get("summary") or "")
    return messages, None


def _list_items(message: Message) -> list[dict[str, Any]]:
    output = message.get("output")
    return [one for one in output if isinstance(one, dict)] if isinstance(output, list) else []


def _cut_at_call(messages: list[Message], last: int, marker: dict[str, Any]) -> list[Message] | None:
    for place in range(last, -1, -1):
        items = _list_items(messages[place])
        calls = [
            number
            for number, one in enumerate(items)
            if one.get("type") == "function_call" and one.get("call_id") == marker.get("call_id")
        ]
        if calls:
            start = calls[0]
            while start and items[start - 1].get("type") != "function_call_output":
                start -= 1
            kept = [one for one in items[start:] if one.get("type") != _MARKER]
            return [*messages[max(0, place - 1) : place], {**messages[place], "output": kept}, *messages[place + 1 :]]
    return None


def _encode_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def estimate_tokens(value: Any) -> int:
    """Tokens that a text, or JSON, is taken for."""
    if value is None:
        return 0
    text = value if isinstance(value, str) else _encode_json(value)
    return max(1, len(text) // CHARACTERS) if text else 0


def estimate_messages(messages: list[Message]) -> int:
    """Tokens that messages are taken for where no provider counted them."""
    return sum(map(_estimate_message, messages))


def _estimate_message(message: Message) -> int:
    content = message.get("content")
    total = MESSAGE_TOKENS + estimate_tokens(message.get("output")) + estimate_tokens(message.get("tool_calls"))
    for part in content if isinstance(content, list) else [content]:
        if not isinstance(part, dict):
            total += estimate_tokens(part)
        elif part.get("type") in ("image", "image_url"):
            total += IMAGE_TOKENS
        else:
            total += estimate_tokens(part.get("text") or part.get("content") or part)
    files = message.get("files")
    if files:
        total += estimate_tokens(_INLINE.sub("", _encode_json(files)))
    return total
