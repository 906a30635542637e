"""Follow-ups: a title, tags and questions that may come next, generated after the answer."""

from __future__ import annotations

from fastback.completions.answer_output import output_text
from fastback.completions.tasks.generations import Generations
from fastback.completions.turn import Message, Turn
from fastback.features.chats.events import ChatWritten
from fastback.features.chats.messages import turn_store
from fastback.kit.bus import Bus
from fastback.kit.db import Database


class FollowUpsStage:
    """Generate what the request asked for."""

    name = "follow_ups"

    def __init__(self, *, db: Database, bus: Bus, generations: Generations) -> None:
        self._db = db
        self._bus = bus
        self._generations = generations

    async def run(self, turn: Turn) -> None:
        if not turn.generations:
            return
        messages = await load_finished_conversation(turn, self._db)
        await self._generations.generate_after_answer(
            turn.generations,
            chat_id=turn.request.chat_id,
            message_id=turn.message_id,
            messages=messages,
            model_id=turn.requested_model.id,
            ctx=turn.ctx,
            is_stored=turn.is_stored,
            emit=turn.sink.emit,
        )
        if turn.is_stored:
            await self._bus.publish(ChatWritten(turn.request.chat_id, turn.user.id))


async def load_finished_conversation(turn: Turn, db: Database) -> list[Message]:
    """Return the conversation with the finished answer at its end; the turn keeps it for the stages that follow."""
    if turn.finished_conversation is None:
        if turn.is_stored:
            messages = await turn_store.load_conversation(db, turn.request.chat_id, turn.message_id)
            if messages and messages[-1].get("id") == turn.message_id:  # its end is perhaps not stored yet
                messages[-1] |= {"content": output_text(turn.output), "output": turn.output}
            turn.finished_conversation = messages
        else:
            answer = {"role": "assistant", "content": output_text(turn.output)}
            turn.finished_conversation = [*turn.messages, answer]
    return turn.finished_conversation
