"""Completions in OpenAI's form that plugins build; they import these functions from `open_webui.utils.misc`."""

from __future__ import annotations

import time
import uuid
from typing import Any

Json = dict[str, Any]


def openai_chat_message_template(model: str, message_id: str | None = None) -> Json:
    """Return the fields that a completion and a chunk of one have in common."""
    return {
        "id": message_id or f"{model}-{uuid.uuid4()}",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "logprobs": None, "finish_reason": None}],
    }


def openai_chat_chunk_message_template(
    model: str,
    content: str | None = None,
    reasoning_content: str | None = None,
    tool_calls: list[Json] | None = None,
    usage: Json | None = None,
    message_id: str | None = None,
) -> Json:
    """Return a chunk; without any content it is the last one."""
    chunk = openai_chat_message_template(model, message_id)
    fields = {"content": content, "reasoning_content": reasoning_content, "tool_calls": tool_calls}
    delta = {name: value for name, value in fields.items() if value}
    chunk["object"] = "chat.completion.chunk"
    chunk["choices"][0]["delta"] = delta
    if not delta:
        chunk["choices"][0]["finish_reason"] = "stop"
    if usage:
        chunk["usage"] = usage
    return chunk


def openai_chat_completion_message_template(
    model: str,
    message: str | None = None,
    reasoning_content: str | None = None,
    tool_calls: list[Json] | None = None,
    usage: Json | None = None,
) -> Json:
    """Return a whole completion; without a message its choice has none."""
    completion = openai_chat_message_template(model)
    completion["object"] = "chat.completion"
    choice = completion["choices"][0]
    if message is not None:
        more = {"reasoning_content": reasoning_content, "tool_calls": tool_calls}
        choice["message"] = {
            "role": "assistant",
            "content": message,
            **{name: value for name, value in more.items() if value},
        }
    choice["finish_reason"] = "tool_calls" if tool_calls else "stop"
    if usage:
        completion["usage"] = usage
    return completion
