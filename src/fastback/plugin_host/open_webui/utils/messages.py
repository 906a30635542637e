"""Read and change lists of messages; plugins import these functions from `open_webui.utils.misc`."""

from __future__ import annotations

from typing import Any

Message = dict[str, Any]


def get_message_list(messages_map: dict[str, Message] | None, message_id: str | None) -> list[Message]:
    """Return the messages from the root down to one, following `parentId`; empty where it is unknown."""
    conversation: list[Message] = []
    seen_ids: set[str] = set()
    while messages_map and message_id in messages_map and message_id not in seen_ids:
        assert message_id is not None
        seen_ids.add(message_id)
        message = messages_map[message_id]
        conversation.append(message)
        message_id = message.get("parentId")
    return conversation[::-1]


def get_content_from_message(message: Message) -> str | None:
    """Return the text of a message: its first text part, or the text of its output."""
    content = message.get("content")
    if isinstance(content, list):
        for part in content:
            if isinstance(part, dict) and part.get("type") == "text":
                return part.get("text")
    elif content:
        return str(content)
    return get_output_text(message.get("output")) or (content if isinstance(content, str) else None)


def get_output_text(output: Any) -> str:
    """Return the texts of the messages among output items, a line each."""
    texts = []
    for item in output if isinstance(output, list) else ():
        if not isinstance(item, dict) or item.get("type") != "message":
            continue
        parts = item.get("content")
        text = "".join(
            str(part["text"])
            for part in (parts if isinstance(parts, list) else ())
            if isinstance(part, dict) and part.get("text") is not None
        )
        if text.strip():
            texts.append(text)
    return "\n".join(texts)


def get_messages_content(messages: list[Message]) -> str:
    """Return the conversation as text, a line `ROLE: content` each."""
    return "\n".join(f"{message['role'].upper()}: {get_content_from_message(message)}" for message in messages)


def _find_last(messages: list[Message], role: str) -> Message | None:
    return next((message for message in reversed(messages) if message["role"] == role), None)


def get_last_user_message_item(messages: list[Message]) -> Message | None:
    return _find_last(messages, "user")


def get_last_user_message(messages: list[Message]) -> str | None:
    message = _find_last(messages, "user")
    return get_content_from_message(message) if message is not None else None


def get_last_assistant_message_item(messages: list[Message]) -> Message | None:
    return _find_last(messages, "assistant")


def get_last_assistant_message(messages: list[Message]) -> str | None:
    message = _find_last(messages, "assistant")
    return get_content_from_message(message) if message is not None else None


def set_last_user_message_content(content: str, messages: list[Message]) -> list[Message]:
    """Replace the text of the last question, in place."""
    message = next((message for message in reversed(messages) if message.get("role") == "user"), None)
    if message is not None and isinstance(message.get("content"), list):
        text_part = next((part for part in message["content"] if part.get("type") == "text"), None)
        if text_part is not None:
            text_part["text"] = content
    elif message is not None:
        message["content"] = content
    return messages


def get_system_message(messages: list[Message]) -> Message | None:
    return next((message for message in messages if message["role"] == "system"), None)


def remove_system_message(messages: list[Message]) -> list[Message]:
    return [message for message in messages if message["role"] != "system"]


def pop_system_message(messages: list[Message]) -> tuple[Message | None, list[Message]]:
    """Return the first system message, and the messages without any."""
    return get_system_message(messages), remove_system_message(messages)


def merge_system_messages(messages: list[Message]) -> list[Message]:
    """Return the messages with one system message at most, in front."""
    texts = [get_content_from_message(message) for message in messages if message.get("role") == "system"]
    others = [message for message in messages if message.get("role") != "system"]
    text = "\n".join(text for text in texts if text)
    return [{"role": "system", "content": text}, *others] if text else others


def update_message_content(message: Message, content: str, append: bool = True) -> Message:
    """Add a line after or before the text of a message, in place."""

    def join(text: str) -> str:
        return f"{text}\n{content}" if append else f"{content}\n{text}"

    if isinstance(message["content"], list):
        for part in message["content"]:
            if part["type"] == "text":
                part["text"] = join(part["text"])
    else:
        message["content"] = join(message["content"])
    return message


def replace_system_message_content(content: str, messages: list[Message]) -> list[Message]:
    message = get_system_message(messages)
    if message is not None:
        message["content"] = content
    return messages


def add_or_update_system_message(content: str, messages: list[Message], append: bool = False) -> list[Message]:
    """Add a line to the system message at the beginning, in place; insert one if it is missing."""
    if messages and messages[0].get("role") == "system":
        update_message_content(messages[0], content, append)
    else:
        messages.insert(0, {"role": "system", "content": content})
    return messages


def add_or_update_user_message(content: str, messages: list[Message], append: bool = True) -> list[Message]:
    """Add a line to the question at the end, in place; append one after any other message."""
    if messages and messages[-1].get("role") == "user":
        update_message_content(messages[-1], content, append)
    else:
        messages.append({"role": "user", "content": content})
    return messages


def prepend_to_first_user_message_content(content: str, messages: list[Message]) -> list[Message]:
    message = next((message for message in messages if message["role"] == "user"), None)
    if message is not None:
        update_message_content(message, content, append=False)
    return messages


def append_or_update_assistant_message(content: str, messages: list[Message]) -> list[Message]:
    """Add a line to the answer at the end, in place; append one after any other message."""
    if messages and messages[-1].get("role") == "assistant":
        messages[-1]["content"] = f"{messages[-1]['content']}\n{content}"
    else:
        messages.append({"role": "assistant", "content": content})
    return messages


def strip_empty_content_blocks(messages: list[Message]) -> list[Message]:
    """Remove empty text parts, in place, where others remain: some providers refuse them."""
    for message in messages:
        if isinstance(parts := message.get("content"), list):
            remaining = [part for part in parts if not _is_empty_text(part)]
            message["content"] = remaining or parts
    return messages


def _is_empty_text(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "text" and not str(part.get("text", "")).strip()
