"""A chunk of a streamed chat completion: what an answer is built from; every other field is skipped unread."""

from __future__ import annotations

from typing import Any

import msgspec


class FunctionDelta(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class ToolCallDelta(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: FunctionDelta | None = None


class Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCallDelta] | None = None


class Choice(msgspec.Struct):
    delta: Delta | None = None
    finish_reason: str | None = None


class CompletionChunk(msgspec.Struct):
    choices: list[Choice] = []
    usage: dict[str, Any] | None = None
    error: Any = None


decode_chunk = msgspec.json.Decoder(CompletionChunk).decode
