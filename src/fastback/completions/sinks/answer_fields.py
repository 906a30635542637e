"""Fields of a stored message that hold an answer."""

from __future__ import annotations

from fastback.completions.answer_output import Output, output_text
from fastback.features.chats.document import Message


def build_answer_fields(output: Output) -> Message:
    """Return the fields of a stored message that hold an answer."""
    return {"content": output_text(output), "output": output}
