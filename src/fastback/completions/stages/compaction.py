"""Compaction: a summary replaces the older messages of a conversation that has become too long."""

from __future__ import annotations

from fastback.completions.compaction import Compactor
from fastback.completions.turn import Turn
from fastback.features.prompts import system_messages


class CompactionStage:
    """Compact the conversation of a chat on the page. A system message of the request stays as it is."""

    name = "compaction"

    def __init__(self, compactor: Compactor) -> None:
        self._compactor = compactor

    async def run(self, turn: Turn) -> None:
        if not turn.in_chat:
            return
        system = [message for message in turn.messages[:1] if message.get("role") == "system"]
        system_prompt = system_messages.get_text(system[0]) if system else ""
        recent, turn.summary = await self._compactor.compact_for_turn(
            turn.messages[len(system) :],
            system_prompt=system_prompt,
            params=turn.parameters,
            model_id=turn.model.id,
            ctx=turn.ctx,
            show_progress=turn.sink.show_compaction,
        )
        turn.messages = [*system, *recent]
