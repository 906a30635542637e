"""What a question asks for that this release cannot do is named in a line above the answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastback.completions.turn import Turn

#: Names and characters of a name that the line shows.
_MAX_NAMES, _MAX_CHARACTERS = 5, 60


class UnavailableStage:
    """Show which tools and features were chosen, but are not used."""

    name = "unavailable"

    async def run(self, turn: Turn) -> None:
        if turn.in_chat and (lines := list(_describe_unavailable(turn))):
            await turn.sink.show_status({"action": "note", "description": "; ".join(lines), "done": True})


def _describe_unavailable(turn: Turn) -> Iterator[str]:
    body, features = turn.request.body, turn.request.features
    if names := _list_names(body.get("tool_servers")):
        more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
        yield f"Tool servers are not available on this server yet: {', '.join(names[:_MAX_NAMES])}{more}"
    if body.get("terminal_id"):
        yield "Terminals are not available to models on this server yet"
    if features.get("image_generation"):
        yield "Image generation is not available on this server yet"
    if features.get("code_interpreter"):
        yield "The code interpreter is not available on this server yet"


def _list_names(value: Any) -> list[str]:
    """Return what the page calls the entries: ids, or the name or address of a tool server."""
    if not isinstance(value, list):
        return []
    names = [(item.get("name") or item.get("url")) if isinstance(item, dict) else item for item in value]
    return [name[:_MAX_CHARACTERS] for name in names if isinstance(name, str) and name]
