"""A chunk of a chat completion, and the shapes that servers give it.

The types below are what an answer is built from; every other field is skipped unread. Most chunks decode into them
directly. `to_chunk` is for the others: content in parts (Mistral), numbers as texts and texts as numbers, arguments as
an object, null or an object in the place of a list, and so on. A whole completion is read as a chunk with a `message`.
"""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec

from fastback.providers.lenient_json import mend_surrogates, mend_value

Usage = dict[str, Any]


class FunctionDelta(msgspec.Struct, omit_defaults=True):
    name: str | None = None
    arguments: str | None = None


class ToolCallDelta(msgspec.Struct, omit_defaults=True):
    index: int | None = None
    id: str | None = None
    function: FunctionDelta | None = None


class Delta(msgspec.Struct, omit_defaults=True):
    """What a chunk adds to the answer, or a whole message."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    thinking: str | None = None
    thinking_blocks: list[Any] | None = None
    refusal: str | None = None
    tool_calls: list[ToolCallDelta] | None = None

    def get_text(self) -> str:
        """Return the text; that of a refusal where there is no other."""
        return self.content or self.refusal or ""

    def get_reasoning(self) -> str:
        """Return the reasoning, under whatever name the server gives it."""
        text = self.reasoning_content or self.reasoning or self.thinking or ""
        return "".join(map(_read_block, self.thinking_blocks)) if self.thinking_blocks and not text else text


class Choice(msgspec.Struct, omit_defaults=True):
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None


class CompletionChunk(msgspec.Struct, omit_defaults=True):
    """A chunk; `timings` are llama.cpp's counts, beside or in place of `usage`."""

    choices: list[Choice] = []
    usage: Usage | None = None
    timings: Usage | None = None
    error: Any = None


def to_chunk(value: Any) -> CompletionChunk:
    """Read a decoded chunk of any shape; what cannot be read is left out. Texts keep their halves of surrogates."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]  # Google wraps errors in a list
    if not isinstance(value, dict):
        return CompletionChunk()
    return CompletionChunk(
        choices=[_to_choice(choice) for choice in list_dicts(value.get("choices"))],
        usage=_to_usage(value.get("usage")),
        timings=_to_usage(value.get("timings")),
        error=mend_value(value.get("error")),
    )


def _to_choice(value: dict[str, Any]) -> Choice:
    reason = to_text(value.get("finish_reason"))
    return Choice(
        delta=_to_delta(value.get("delta")),
        message=_to_delta(value.get("message")),
        finish_reason=mend_surrogates(reason) if reason else None,
    )


def _to_delta(value: Any) -> Delta | None:
    if isinstance(value, str):
        return Delta(content=value)
    if not isinstance(value, dict):
        return None
    content, thinking = _split_content(value.get("content"))
    reasoning = next(
        (text for name in ("reasoning_content", "reasoning", "thinking") if (text := to_text(value.get(name)))), ""
    )
    blocks = value.get("thinking_blocks")
    return Delta(
        content=content,
        reasoning_content=reasoning or thinking or None,
        thinking_blocks=mend_value(blocks) if isinstance(blocks, list) else None,
        refusal=to_text(value.get("refusal")),
        tool_calls=[_to_call(call) for call in list_dicts(value.get("tool_calls"))] or None,
    )


def _split_content(value: Any) -> tuple[str | None, str]:
    """Return the text of a content, and the reasoning among its parts."""
    if not isinstance(value, list):
        return to_text(value), ""
    texts: list[str] = []
    thoughts: list[str] = []
    for part in value:
        is_thought = isinstance(part, dict) and part.get("type") in ("thinking", "reasoning")
        (thoughts if is_thought else texts).append(_read_block(part))
    return "".join(texts), "".join(thoughts)


def _read_block(value: Any) -> str:
    """Return the text of a part of a content, or of a block of reasoning."""
    if isinstance(value, dict):
        names = ("text", "thinking", "content", "refusal")
        value = next((value[name] for name in names if value.get(name)), None)
    return to_text(value) or ""


def to_text(value: Any) -> str | None:
    """Return a value as text: that of a list or an object is the text that it holds."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(map(_read_block, value))
    if isinstance(value, dict):
        return _read_block(value)
    return json.dumps(value)


def _to_call(value: dict[str, Any]) -> ToolCallDelta:
    function = value.get("function")
    function = function if isinstance(function, dict) else {}
    arguments = function.get("arguments")
    if arguments is not None and not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    name, call_id = to_text(function.get("name")), to_text(value.get("id"))
    return ToolCallDelta(
        index=_to_index(value.get("index")),
        id=mend_surrogates(call_id) if call_id else None,
        function=FunctionDelta(name=mend_surrogates(name) if name else None, arguments=arguments),
    )


def _to_index(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def list_dicts(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list; an object that is not empty counts as a list of one."""
    values = value if isinstance(value, list) else [value]
    return [element for element in values if isinstance(element, dict) and element]


def _to_usage(value: Any) -> Usage | None:
    return mend_value(value) if isinstance(value, dict) else None


def read_usage(chunk: CompletionChunk) -> Usage | None:
    """Return the token counts of a chunk; None where it has none. Counts and costs that are texts become numbers."""
    if not chunk.usage and not chunk.timings:
        return None
    usage = {**(chunk.usage or {}), **(chunk.timings or {})}
    return {name: _to_number(value) if _is_amount(name) else value for name, value in usage.items()}


def _is_amount(name: str) -> bool:
    return name.endswith(("_tokens", "_count", "_n", "cost"))


def _to_number(value: Any) -> Any:
    """Return a text that is a number as one; anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    if not math.isfinite(number):
        return 0
    return int(number) if number.is_integer() else number
