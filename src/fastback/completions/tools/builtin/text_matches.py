"""Passages of texts around a match, and the bounds of searches that models set."""

from __future__ import annotations

from collections.abc import Iterable

from fastback.completions.tools.builtin.builtin_tool import Arguments

#: Characters before and behind a match, and those of a text without one.
_BEFORE, _BEHIND, _HEAD = 50, 100, 150
#: Results of one search, and the last second (in the year 2255) whose nanoseconds fit into a column.
MAX_COUNT, _MAX_SECONDS = 100, 9_000_000_000


def cut_match(text: str, needles: Iterable[str]) -> str | None:
    """Return the text around the first of the needles (lower case) that it contains; None without one."""
    lowered = text.lower()
    for needle in needles:
        position = lowered.find(needle)
        if position >= 0:
            start, end = max(0, position - _BEFORE), min(len(text), position + len(needle) + _BEHIND)
            return f"{'...' if start else ''}{text[start:end]}{'...' if end < len(text) else ''}"
    return None


def cut_head(text: str) -> str:
    """Return the beginning of a text."""
    return text[:_HEAD] + ("..." if len(text) > _HEAD else "")


def read_count(arguments: Arguments) -> int:
    """Return how many results a model wants."""
    return max(1, min(arguments.integer("count"), MAX_COUNT))


def read_seconds(arguments: Arguments, name: str) -> int | None:
    """Return a time in seconds that bounds a search; None for no bound."""
    value = arguments.optional_integer(name)
    return max(0, min(value, _MAX_SECONDS)) if value else None
