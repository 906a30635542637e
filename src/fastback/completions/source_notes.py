"""What a question refers to and its answer does without, because it could not be read."""

from __future__ import annotations

from collections.abc import Sequence

#: The header that tells API clients.
HEADER = b"x-fastback-note"


def note(missing: Sequence[str]) -> str | None:
    """What people should know before they trust the answer; None when everything was read."""
    return f"Could not be read: {', '.join(missing)}. The answer does without." if missing else None
