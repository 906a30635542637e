"""What a question asks for that this release cannot do is named in a line above the answer."""

from __future__ import annotations

from collections.abc import Iterator

from fastback.completions.turn import Turn


class UnavailableStage:
    """Show which tools and features were chosen, but are not used."""

    name = "unavailable"

    async def run(self, turn: Turn) -> None:
        if turn.in_chat and (lines := list(_describe_unavailable(turn))):
            await turn.sink.show_status({"action": "note", "description": "; ".join(lines), "done": True})


def _describe_unavailable(turn: Turn) -> Iterator[str]:
    features = turn.request.features
    if features.get("image_generation"):
        yield "Image generation is not available on this server yet"
