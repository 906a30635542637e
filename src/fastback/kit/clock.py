"""The time of the installation: that of the database where several processes share one, whatever their machines say.

What one process stores another one compares with its own time: when a schedule is due, which message is newer. A clock
that is an hour ahead would start everything an hour early. `features.nodes` measures how far it is off.
"""

from __future__ import annotations

import time

_SECOND = 10**9


class Clock:
    """The clock of this process, and how far it is behind the time of the installation."""

    def __init__(self) -> None:
        self._behind_ns = 0

    @property
    def seconds_behind(self) -> float:
        return self._behind_ns / _SECOND

    def set_seconds_behind(self, seconds: float) -> None:
        """Set how far the clock of this machine is behind; negative where it is ahead."""
        self._behind_ns = int(seconds * _SECOND)

    def time_ns(self) -> int:
        """Return the time in nanoseconds since 1970."""
        return time.time_ns() + self._behind_ns

    def time(self) -> float:
        """Return the time in seconds since 1970."""
        return time.time() + self._behind_ns / _SECOND


#: As `time` itself, it is one for the whole process.
clock = Clock()
