"""Fields of a stored message that hold an answer."""

from __future__ import annotations

from typing import Any

from fastback.completions.answer_output import Output, output_text
from fastback.features.chats.document import Message


def build_answer_fields(output: Output) -> Message:
    """Return the fields of a stored message that hold an answer."""
    return {"content": output_text(output), "output": output}


def append_missing(history: list[Any], statuses: list[dict[str, Any]]) -> list[Any]:
    """Return a stored history with the statuses of a turn, of which it may have the first ones already."""
    longest = min(len(statuses), len(history))
    stored_count = next(count for count in range(longest, -1, -1) if not count or history[-count:] == statuses[:count])
    return [*history, *statuses[stored_count:]]
