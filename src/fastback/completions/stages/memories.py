"""Memories: what is remembered of the user and has to do with the conversation."""

from __future__ import annotations

from fastback.completions.turn import Turn
from fastback.completions.turn_request import TurnRequest
from fastback.features.memories.recall import MemoryRecall, remove_prompt_section
from fastback.features.prompts import system_messages
from fastback.providers.model import Model


def uses_memories(request: TurnRequest, model: Model) -> bool:
    """Return whether a request wants the user's memories used, and the model is allowed to have them."""
    allowed = (model.own_meta.get("capabilities") or {}).get("memory", True)
    return bool(request.features.get("memory")) and allowed is not False


class MemoriesStage:
    """Add the memories that fit the conversation to its system prompt."""

    name = "memories"

    def __init__(self, recall: MemoryRecall) -> None:
        self._recall = recall

    async def run(self, turn: Turn) -> None:
        if turn.is_forwarded or not uses_memories(turn.request, turn.model):
            return
        messages = turn.messages
        questions = [system_messages.get_text(message) for message in messages if message.get("role") == "user"]
        memories = await self._recall.build_prompt_section(questions, turn.ctx)
        if memories is None:
            return
        first = messages[0] if messages else {}
        if first.get("role") == "system" and isinstance(first.get("content"), str):
            # A client that keeps its conversation itself may send back memories of the turn before.
            messages = [{**first, "content": remove_prompt_section(first["content"])}, *messages[1:]]
        turn.messages = system_messages.add_system_text(messages, memories, append=True)
