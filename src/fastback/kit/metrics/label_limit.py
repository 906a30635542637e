"""A bound on the values of a label: each one costs memory here and in the database of the collector."""

from __future__ import annotations

#: The value in place of further ones.
OTHER = "other"


class LabelLimit:
    """Let the first `limit` values of a label pass; the others count together."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: set[str] = set()

    def bound(self, value: str) -> str:
        """Return the value, or `other` where it is one too many."""
        if value in self._values:
            return value
        if len(self._values) >= self._limit:
            return OTHER
        self._values.add(value)
        return value
