"""Events about timers."""

from __future__ import annotations

import msgspec


class TimerSet(msgspec.Struct, frozen=True):
    """A timer was set; the scheduler may have to wake up earlier. `due_at` in nanoseconds."""

    due_at: int
