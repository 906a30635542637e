"""From the messages that a chat stores to the messages that a model is shown."""

from __future__ import annotations

from typing import Any

from fastback.completions.answer_messages import convert_output
from fastback.completions.file_tags import add_file_tags
from fastback.completions.sources.items import is_image
from fastback.providers.model import Model

Message = dict[str, Any]

#: Fields of a stored message that a conversation is built from; the page stores many more.
_REPLAYED_FIELDS = ("id", "role", "content", "output", "files", "contextSummary", "usage", "model", "meta")
#: Fields of this server's own messages, which a model server is not sent.
_OWN_FIELDS = frozenset({*_REPLAYED_FIELDS, "context_summary"} - {"role", "content"})
#: What an answer may hold instead of text.
_ANSWER_FIELDS = ("content", "output", "tool_calls", "function_call", "refusal", "audio", "reasoning_content")


def select_stored_messages(messages: list[Message]) -> list[Message]:
    """Return the messages of a chat with the fields that a model is shown; answers that hold nothing are skipped."""
    return [
        {name: message[name] for name in _REPLAYED_FIELDS if name in message}
        for message in messages
        if not is_empty_answer(message)
    ]


def is_empty_answer(message: Message) -> bool:
    """Return whether a message is an answer that holds nothing: it failed, or was stopped before its first word."""
    return message.get("role") == "assistant" and not any(message.get(name) for name in _ANSWER_FIELDS)


def build_model_messages(
    messages: list[Message], *, reasoning_field: str | None = None, names_files: bool = False
) -> list[Message]:
    """Convert messages to those of an OpenAI-compatible request; what only that API knows stays as it is.

    An answer with output items becomes what they hold: text, and tool calls paired with their results. Reasoning is
    left out unless `reasoning_field` names the field that the server reads it from. Images of a question become parts
    of its content; with `names_files` all files of a question are named before it.
    """
    converted: list[Message] = []
    for message in messages:
        output = message.get("output")
        if message.get("role") == "assistant" and isinstance(output, list) and output:
            answer_messages = convert_output(output, reasoning_field)
            if answer_messages or not message.get("content"):
                converted.extend(answer_messages)
                continue
        plain_message = {key: value for key, value in message.items() if key not in _OWN_FIELDS}
        if message.get("role") == "user":
            _add_images(plain_message, message.get("files"))
            if names_files:
                plain_message["content"] = add_file_tags(plain_message.get("content"), message.get("files"))
        converted.append(plain_message)
    return converted


def _add_images(message: Message, files: Any) -> None:
    """Make the content a list of its text and the images among `files`, in place."""
    entries = [file for file in files if isinstance(file, dict)] if isinstance(files, list) else []
    urls = [file["url"] for file in entries if file.get("url") and is_image(file)]
    if urls and isinstance(message.get("content"), str):
        message["content"] = [
            {"type": "text", "text": message["content"]},
            *({"type": "image_url", "image_url": {"url": url}} for url in urls),
        ]


def remove_blank_parts(messages: list[Message]) -> list[Message]:
    """Return the messages without blank texts beside other parts of their content: some servers refuse these.

    A page sends such a text with images alone.
    """
    return [_remove_blank_parts(message) for message in messages]


def _remove_blank_parts(message: Message) -> Message:
    content = message.get("content")
    if not isinstance(content, list):
        return message
    parts = [part for part in content if not _is_blank(part)]
    return {**message, "content": parts} if parts and len(parts) < len(content) else message


def _is_blank(part: Any) -> bool:
    if not isinstance(part, dict) or part.get("type") != "text":
        return False
    text = part.get("text")
    return text is None or (isinstance(text, str) and not text.strip())


def find_reasoning_field(model: Model) -> str | None:
    """Return the field in which a model's server takes the reasoning of earlier answers; None where it takes none."""
    if model.owned_by == "ollama":
        return "thinking"
    provider = model.connection.options.get("provider") if model.connection is not None else None
    return "reasoning_content" if provider == "llama.cpp" else None
