"""From stored messages to the messages a model is shown."""

from __future__ import annotations

from typing import Any

from fastback.completions.sources.items import is_picture

Message = dict[str, Any]

#: Fields of a stored message that no provider may see.
_STORED = frozenset(
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


def for_model(messages: list[Message], *, reasoning: str | None = None) -> list[Message]:
    """Stored messages as an OpenAI-compatible provider takes them.

    Answers become what their items say: text, tool calls and their results in pairs; reasoning is left out unless
    `reasoning` names the field that the provider reads it from. Images of a question become parts of its content.
    """
    found: list[Message] = []
    for message in messages:
        output = message.get("output")
        if message.get("role") == "assistant":
            if isinstance(output, list) and output:
                shown = _from_items(output, reasoning)
                if shown:
                    found.extend(shown)
                    continue
            if not message.get("content"):
                continue
        clean = {key: value for key, value in message.items() if key not in _STORED}
        if message.get("role") == "user":
            _add_images(clean, message.get("files"))
        found.append(clean)
    return found


def _add_images(message: Message, files: Any) -> None:
    images = [one["url"] for one in files or [] if isinstance(one, dict) and one.get("url") and is_picture(one)]
    if images and isinstance(message.get("content"), str):
        message["content"] = [
            {"type": "text", "text": message["content"]},
            *({"type": "image_url", "image_url": {"url": url}} for url in images),
        ]


def _from_items(output: list[Any], reasoning: str | None) -> list[Message]:
    items = [one for one in output if isinstance(one, dict)]
    answered = {one.get("call_id") for one in items if one.get("type") == "function_call_output"}
    found: list[Message] = []
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[dict[str, Any]] = []

    def flush() -> None:
        if not texts and not calls:
            return
        message: Message = {"role": "assistant", "content": "\n".join(texts)}
        if calls:
            message["tool_calls"] = list(calls)
        if thoughts and reasoning:
            message[reasoning] = "\n".join(thoughts)
        found.append(message)
        texts.clear()
        calls.clear()
        thoughts.clear()

    for item in items:
        kind = item.get("type")
        text = "".join(str(part.get("text") or "") for part in item.get("content") or [] if isinstance(part, dict))
        if kind == "message" and text.strip():
            if calls:
                flush()
            texts.append(text)
        elif kind == "reasoning" and text:
            thoughts.append(text)
        elif kind == "function_call" and item.get("call_id") in answered:
            calls.append(
                {
                    "id": item["call_id"],
                    "type": "function",
                    "function": {"name": item.get("name") or "", "arguments": item.get("arguments") or "{}"},
                }
            )
        elif kind == "function_call_output" and item.get("call_id"):
            flush()
            parts = item.get("output")
            content = (
                "".join(str(part.get("text") or "") for part in parts if isinstance(part, dict))
                if isinstance(parts, list)
                else str(parts or "")
            )
            found.append({"role": "tool", "tool_call_id": item["call_id"], "content": content})
    flush()
    return found
