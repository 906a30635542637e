"""The note about an answer: what was chosen but is not available, and which sources could not be read."""

from __future__ import annotations

from collections.abc import Sequence

#: The response header that carries the note to API clients.
HEADER = "x-fastback-note"


def format_note(missing: Sequence[str]) -> str | None:
    """Return what people should know before they trust the answer; None where every source was read."""
    return f"Could not be read: {', '.join(missing)}. The answer does without." if missing else None


def join_notes(*notes: str | None) -> str | None:
    """Return several notes as one; None where all of them are None."""
    return "; ".join(note for note in notes if note) or None
