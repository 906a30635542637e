"""Context usage of a chat: how much of a model's context its messages fill, counted from the last summary on."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from fastback.config import Config
from fastback.config.keys.chat import (
    CHAT_CONTEXT_COMPACTION_ENABLE,
    CHAT_CONTEXT_COMPACTION_TOKEN_CAP,
    CHAT_CONTEXT_COMPACTION_TOKEN_THRESHOLD,
)
from fastback.features.chats.document import Document, Message
from fastback.features.chats.messages.message_tree import walk_to_root
from fastback.features.chats.messages.token_usage import count_spent_tokens

#: The estimated tokens of an image, and the overhead of each message.
IMAGE_TOKENS, MESSAGE_TOKENS = 1000, 4
#: The average number of characters in a token.
CHARACTERS_PER_TOKEN = 4

#: Data URLs, which models do not receive: they receive the file's name alone.
_INLINE = re.compile(r"data:[\w/+.;=%-]*;base64,[A-Za-z0-9+/=]*")
_MARKER = "open_webui:context_compaction"


class Usage(msgspec.Struct):
    """The tokens of a chat's current branch, and the threshold at which it is compacted."""

    tokens: int
    estimated_tokens: int
    threshold: int
    percent: int
    source: str = "estimated"


class ContextUsage:
    """Measures chats if compaction is enabled."""

    def __init__(self, config: Config) -> None:
        self._config = config

    @property
    def is_enabled(self) -> bool:
        """Whether compaction is enabled."""
        return self._config.get_bool(CHAT_CONTEXT_COMPACTION_ENABLE)

    def get_threshold(self, params: Any) -> int:
        """Return the number of tokens at which a chat with these parameters is compacted."""
        default = _parse_positive(self._config.get(CHAT_CONTEXT_COMPACTION_TOKEN_THRESHOLD)) or 80000
        cap = _parse_positive(self._config.get(CHAT_CONTEXT_COMPACTION_TOKEN_CAP)) or default
        chat_threshold = _parse_positive(params.get("compact_token_threshold")) if isinstance(params, dict) else None
        return min(chat_threshold or default, cap)

    def measure(self, document: Document, current_id: str | None) -> dict[str, Any] | None:
        """Return the usage of the branch that ends at a message, by default the current one.

        None if compaction is disabled, or the branch has no messages.
        """
        if not self.is_enabled:
            return None
        messages: list[Message] = []
        summary: str | None = None
        tokens = 0
        for message in walk_to_root(current_id or document.opening_message_id, document.find_message):
            messages.insert(0, message)
            tokens = _count_spent_tokens(message)
            summary = find_summary(message)
            if tokens or summary is not None:
                break
            if any(item.get("type") == _MARKER for item in _list_items(message)):
                messages = [*reversed(list(walk_to_root(message.get("parentId"), document.find_message))), *messages]
                messages, summary = split_at_summary(messages)
                break
        if not messages:
            return None
        tokens = (
            tokens + estimate_messages(messages[1:])
            if tokens
            else estimate_tokens(summary or "") + estimate_messages(messages)
        )
        threshold = self.get_threshold(document.get_field("params"))
        percent = round(tokens / threshold * 100)
        return msgspec.structs.asdict(Usage(tokens, tokens, threshold, percent))


def _count_spent_tokens(message: Message) -> int:
    info = message.get("info")
    return count_spent_tokens(message.get("usage") or (info.get("usage") if isinstance(info, dict) else None))


def exceeds_threshold(messages: list[Message], before: list[str], threshold: int) -> bool:
    """Return whether messages, with the texts `before` them, have more tokens than the threshold."""
    for index in range(len(messages) - 1, -1, -1):
        if tokens := _count_spent_tokens(messages[index]):
            return tokens + estimate_messages(messages[index + 1 :]) > threshold
    return sum(map(estimate_tokens, before)) + estimate_messages(messages) > threshold


def _parse_positive(value: Any) -> int | None:
    try:
        number = int(value)
    except (TypeError, ValueError):
        return None
    return number if number > 0 else None


def find_summary(message: Message) -> str | None:
    """Return the summary of all earlier messages, if the chat was compacted before this message; else None."""
    summary = message.get("contextSummary") or message.get("context_summary")
    return summary if isinstance(summary, str) and summary.strip() else None


def split_at_summary(messages: list[Message]) -> tuple[list[Message], str | None]:
    """Return the messages since the last compaction, and the summary of the earlier ones (None without a compaction).

    An answer that called tools may have been compacted between two calls: it then contains a marker that names the call
    from which on its items count.
    """
    for index in range(len(messages) - 1, -1, -1):
        summary = find_summary(messages[index])
        if summary is not None:
            return messages[index:], summary
        markers = [item for item in _list_items(messages[index]) if item.get("type") == _MARKER]
        if markers:
            remaining = _cut_at_call(messages, index, markers[-1])
            if remaining is not None:
                return remaining, str(markers[-1].get("summary") or "")
    return messages, None


def _list_items(message: Message) -> list[dict[str, Any]]:
    output = message.get("output")
    return [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []


def _cut_at_call(messages: list[Message], last: int, marker: dict[str, Any]) -> list[Message] | None:
    """Return the messages from the call that a marker names, with its answer's question; None without that call."""
    for index in range(last, -1, -1):
        items = _list_items(messages[index])
        positions = [
            position
            for position, item in enumerate(items)
            if item.get("type") == "function_call" and item.get("call_id") == marker.get("call_id")
        ]
        if positions:
            start = positions[0]
            while start and items[start - 1].get("type") != "function_call_output":
                start -= 1
            remaining = [item for item in items[start:] if item.get("type") != _MARKER]
            return [
                *messages[max(0, index - 1) : index],
                {**messages[index], "output": remaining},
                *messages[index + 1 :],
            ]
    return None


def _encode_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def estimate_tokens(value: Any) -> int:
    """Return the estimated number of tokens of a text, or of a value as JSON."""
    if value is None:
        return 0
    text = value if isinstance(value, str) else _encode_json(value)
    return max(1, len(text) // CHARACTERS_PER_TOKEN) if text else 0


def estimate_messages(messages: list[Message]) -> int:
    """Return the estimated number of tokens of messages that no provider has counted."""
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
