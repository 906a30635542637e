"""Filters of connections: which of a server's functions models are offered."""

from __future__ import annotations

from typing import Any


class NameFilter:
    """The rules of a connection: a list, or a text with commas, of the endings of names.

    A name must end with an allowed ending, if there are any, and with no ending that follows a `!`.
    """

    def __init__(self, rules: Any) -> None:
        texts = rules.split(",") if isinstance(rules, str) else rules if isinstance(rules, list) else []
        patterns = [str(text).strip() for text in texts if str(text).strip()]
        self._allowed = tuple(pattern for pattern in patterns if not pattern.startswith("!"))
        self._blocked = tuple(
            ending for pattern in patterns if pattern.startswith("!") and (ending := pattern[1:].strip())
        )

    def allows(self, name: str) -> bool:
        """Return whether a function is offered."""
        return (not self._allowed or name.endswith(self._allowed)) and not name.endswith(self._blocked)
