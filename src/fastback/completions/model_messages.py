"""From the messages that a chat stores to the messages that a model is shown."""

from __future__ import annotations

from typing import Any

from fastback.completions.sources.items import is_image

Message = dict[str, Any]

#: Fields of a stored message that are not sent to a model server.
_STORED_FIELDS = frozenset(
    {
        "id",
        "parentId",
        "childrenIds",
        "output",
        "model",
        "modelIdx",
        "models",
        "contextSummary",
        "usage",
        "meta",
        "done",
        "user_id",
        "user",
        "timestamp",
        "files",
        "sources",
        "embeds",
        "statusHistory",
        "followUps",
        "error",
        "info",
        "annotation",
        "feedbackId",
        "favorite",
        "merged",
    }
)


def build_model_messages(messages: list[Message], *, reasoning_field: str | None = None) -> list[Message]:
    """Convert stored messages to those of an OpenAI-compatible request.

    An answer becomes what its output items hold: text, and tool calls paired with their results. Reasoning is left out
    unless `reasoning_field` names the field that the server reads it from. Images of a question become parts of its
    content. An answer without content is skipped.
    """
    converted: list[Message] = []
    for message in messages:
        output = message.get("output")
        if message.get("role") == "assistant":
            if isinstance(output, list) and output:
                answer_messages = _convert_output(output, reasoning_field)
                if answer_messages:
                    converted.extend(answer_messages)
                    continue
            if not message.get("content"):
                continue
        plain_message = {key: value for key, value in message.items() if key not in _STORED_FIELDS}
        if message.get("role") == "user":
            _add_images(plain_message, message.get("files"))
        converted.append(plain_message)
    return converted


def _add_images(message: Message, files: Any) -> None:
    """Make the content a list of its text and the images among `files`, in place."""
    urls = [file["url"] for file in files or [] if isinstance(file, dict) and file.get("url") and is_image(file)]
    if urls and isinstance(message.get("content"), str):
        message["content"] = [
            {"type": "text", "text": message["content"]},
            *({"type": "image_url", "image_url": {"url": url}} for url in urls),
        ]


def _convert_output(output: list[Any], reasoning_field: str | None) -> list[Message]:
    """Convert the output items of one answer: each round of tool calls is a message, followed by its results."""
    items = [item for item in output if isinstance(item, dict)]
    answered_call_ids = {item.get("call_id") for item in items if item.get("type") == "function_call_output"}
    converted: list[Message] = []
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[dict[str, Any]] = []

    def flush_message() -> None:
        if not texts and not calls:
            return
        message: Message = {"role": "assistant", "content": "\n".join(texts)}
        if calls:
            message["tool_calls"] = list(calls)
        if thoughts and reasoning_field:
            message[reasoning_field] = "\n".join(thoughts)
        converted.append(message)
        texts.clear()
        calls.clear()
        thoughts.clear()

    for item in items:
        kind = item.get("type")
        text = "".join(str(part.get("text") or "") for part in item.get("content") or [] if isinstance(part, dict))
        if kind == "message" and text.strip():
            if calls:
                flush_message()
            texts.append(text)
        elif kind == "reasoning" and text:
            thoughts.append(text)
        elif kind == "function_call" and item.get("call_id") in answered_call_ids:
            calls.append(
                {
                    "id": item["call_id"],
                    "type": "function",
                    "function": {"name": item.get("name") or "", "arguments": item.get("arguments") or "{}"},
                }
            )
        elif kind == "function_call_output" and item.get("call_id"):
            flush_message()
            parts = item.get("output")
            content = (
                "".join(str(part.get("text") or "") for part in parts if isinstance(part, dict))
                if isinstance(parts, list)
                else str(parts or "")
            )
            converted.append({"role": "tool", "tool_call_id": item["call_id"], "content": content})
    flush_message()
    return converted
