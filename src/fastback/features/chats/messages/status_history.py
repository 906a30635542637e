"""The status history of a message: the lines that a page shows above an answer."""

from __future__ import annotations

from typing import Any


def append_missing(history: list[Any], statuses: list[dict[str, Any]]) -> list[Any]:
    """Return a stored history with the statuses of a turn, of which it may have the first ones already."""
    longest = min(len(statuses), len(history))
    counts = (count for count in range(longest, 0, -1) if _ends_with(history, statuses, count))
    stored_count = next(counts, 0)
    return [*history, *statuses[stored_count:]]


def _ends_with(history: list[Any], statuses: list[dict[str, Any]], count: int) -> bool:
    """Return whether a history ends with the first `count` statuses; comparing thousands of copies would take long."""
    has_same_ends = history[-count] == statuses[0] and history[-1] == statuses[count - 1]
    return has_same_ends and history[-count:] == statuses[:count]
