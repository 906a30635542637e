"""Memory review: after every so many questions a model decides in the background what to remember."""

from __future__ import annotations

from fastback.completions.answer_output import output_text
from fastback.completions.stages.follow_ups import load_finished_conversation
from fastback.completions.stages.memories import uses_memories
from fastback.completions.tasks.memory_review import MemoryReviewer
from fastback.completions.turn import Turn
from fastback.kit.db import Database
from fastback.kit.tasks import Tasks


class MemoryReviewStage:
    """Start a review where one is due."""

    name = "memory_review"

    def __init__(self, *, db: Database, tasks: Tasks, reviewer: MemoryReviewer) -> None:
        self._db = db
        self._tasks = tasks
        self._reviewer = reviewer

    async def run(self, turn: Turn) -> None:
        if turn.is_internal or not uses_memories(turn.request, turn.requested_model):
            return
        messages = await load_finished_conversation(turn, self._db)
        if output_text(turn.output).strip() and self._reviewer.is_due(messages):
            review = self._reviewer.review(messages, turn.requested_model, turn.server_model, turn.ctx)
            self._tasks.run_in_background(review)
