"""The note about sources of a question that could not be read, so that the answer does without them."""

from __future__ import annotations

from collections.abc import Sequence

#: The response header that carries the note to API clients.
HEADER = "x-fastback-note"


def format_note(missing: Sequence[str]) -> str | None:
    """Return what people should know before they trust the answer; None where every source was read."""
    return f"Could not be read: {', '.join(missing)}. The answer does without." if missing else None
