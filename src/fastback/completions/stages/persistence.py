"""Persistence: the finished answer is stored."""

from __future__ import annotations

from fastback.completions.turn import Turn


class PersistenceStage:
    """Have the sink store the answer: it knows which message it has written to while the answer grew."""

    name = "persistence"

    async def run(self, turn: Turn) -> None:
        await turn.sink.finish(turn)
