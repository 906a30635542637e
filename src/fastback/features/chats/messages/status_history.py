"""The status history of a message: the lines that a page shows above an answer."""

from __future__ import annotations

from typing import Any


def append_missing(history: list[Any], statuses: list[dict[str, Any]]) -> list[Any]:
    """Return a stored history with the statuses of a turn, of which it may have the first ones already."""
    longest = min(len(statuses), len(history))
    stored_count = next(count for count in range(longest, -1, -1) if not count or history[-count:] == statuses[:count])
    return [*history, *statuses[stored_count:]]
