"""What a question refers to and no answer takes into account yet."""

from __future__ import annotations

from collections.abc import Sequence

#: The header that tells API clients.
HEADER = b"x-fastback-note"


def note(missing: Sequence[str]) -> str | None:
    """What people should know before they trust the answer; None when everything is read."""
    if not missing:
        return None
    return f"Not read by this release of Fastback: {', '.join(missing)}. The answer does without."
