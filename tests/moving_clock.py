"""A clock that tests move forward."""

from __future__ import annotations

import time

#: Seconds that the clock is behind at first: tokens are never issued in the future.
_BEHIND = 86400


class MovingClock:
    """The clock of this process, a day behind at first. Install `time` as `time.time`."""

    def __init__(self) -> None:
        self._seconds = time.time
        self._behind = float(_BEHIND)

    def time(self) -> float:
        return self._seconds() - self._behind

    def advance(self, seconds: float) -> None:
        """Move the clock forward, by a day in all at most."""
        self._behind -= seconds
        assert self._behind >= 0
