"""Find, change and join the system messages in a list of messages."""

from __future__ import annotations

from typing import Any

Message = dict[str, Any]


def get_text(message: Message) -> str:
    """Return the text of a message; the text parts of a list are joined by line breaks."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content if _has_text(part))
    return ""


def _has_text(part: Any) -> bool:
    return isinstance(part, dict) and isinstance(part.get("text"), str)


def find_system_message(messages: list[Message]) -> Message | None:
    """Return the first system message, or None."""
    return next((message for message in messages if message.get("role") == "system"), None)


def add_system_text(messages: list[Message], text: str, *, append: bool = False) -> list[Message]:
    """Return the messages with `text` before the text of the first message, after it with `append`.

    Where the first message is no system message, the list begins with a new one. Parts of a content stay parts.
    """
    if not text:
        return messages
    if messages and messages[0].get("role") == "system":
        return [{**messages[0], "content": _add_text(messages[0].get("content"), text, append)}, *messages[1:]]
    return [{"role": "system", "content": text}, *messages]


def _add_text(content: Any, text: str, append: bool) -> str | list[Any]:
    if not isinstance(content, list):
        existing = content if isinstance(content, str) else ""
        return _join(existing, text) if append else _join(text, existing)
    indexes = [index for index, part in enumerate(content) if _has_text(part)]
    if not indexes:
        part = {"type": "text", "text": text}
        return [*content, part] if append else [part, *content]
    index = indexes[-1 if append else 0]
    existing = content[index]["text"]
    part = {**content[index], "text": _join(existing, text) if append else _join(text, existing)}
    return [*content[:index], part, *content[index + 1 :]]


def _join(first: str, second: str) -> str:
    return f"{first}\n{second}" if first and second else first or second


def replace_system_text(messages: list[Message], text: str) -> list[Message]:
    """Return the messages with the text of the first system message replaced."""
    system = find_system_message(messages)
    return [{**message, "content": text} if message is system else message for message in messages]


def merge_system_messages(messages: list[Message]) -> list[Message]:
    """Return the messages with all system messages joined into one text at the beginning.

    The templates of some models take only one, and only there. System messages without text are left out.
    """
    texts = [text for message in messages if message.get("role") == "system" and (text := get_text(message))]
    others = [message for message in messages if message.get("role") != "system"]
    return [{"role": "system", "content": "\n".join(texts)}, *others] if texts else others
