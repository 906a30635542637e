"""Normalization: the messages in the form that every model server takes."""

from __future__ import annotations

from fastback.completions.model_messages import remove_blank_parts
from fastback.completions.turn import Turn
from fastback.features.prompts.system_messages import merge_system_messages


class NormalizationStage:
    """Join the system messages that clients and stages have added, and leave out blank texts."""

    name = "normalization"

    async def run(self, turn: Turn) -> None:
        if not turn.is_forwarded:
            turn.messages = merge_system_messages(remove_blank_parts(turn.messages))
