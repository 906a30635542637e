"""Find or change the system message in a list of messages."""

from __future__ import annotations

from typing import Any

Message = dict[str, Any]


def get_text(message: Message) -> str:
    """Return the text of a message; the text parts of a list are joined by line breaks."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(
            part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    return ""


def find_system_message(messages: list[Message]) -> Message | None:
    """Return the first system message, or None."""
    return next((message for message in messages if message.get("role") == "system"), None)


def add_system_text(messages: list[Message], text: str, *, append: bool = False) -> list[Message]:
    """Return the messages with `text` before the text of the system message, after it with `append`.

    Without a system message the list begins with a new one.
    """
    if not text:
        return messages
    if messages and messages[0].get("role") == "system":
        existing = get_text(messages[0])
        joined = f"{existing}\n{text}" if append else f"{text}\n{existing}"
        return [{**messages[0], "content": joined}, *messages[1:]]
    return [{"role": "system", "content": text}, *messages]


def replace_system_text(messages: list[Message], text: str) -> list[Message]:
    """Return the messages with the text of the system message replaced."""
    return [{**message, "content": text} if message.get("role") == "system" else message for message in messages]
