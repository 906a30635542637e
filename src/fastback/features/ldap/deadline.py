"""The time limit of a sign-in, over everything that it asks the directory."""

from __future__ import annotations

import time


class Deadline:
    """A moment that is `seconds` away."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def get_remaining(self) -> float:
        """Return the seconds that remain, more than 0.

        Raises:
            TimeoutError: none remain.
        """
        remaining = self._at - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the directory took too long")
        return remaining
