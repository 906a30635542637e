"""How long statements take, by name: counted always, logged when slow."""

from __future__ import annotations

import logging

import msgspec

log = logging.getLogger("fastback.db")

#: A statement that takes longer is named in the log (seconds).
SLOW_SECONDS = 0.2


class StatementTiming(msgspec.Struct):
    """What is known of one statement: runs, and seconds in all and at most."""

    count: int = 0
    total: float = 0.0
    worst: float = 0.0


timings: dict[str, StatementTiming] = {}


def record_timing(name: str, seconds: float) -> None:
    """Count one run of the statement `name`."""
    timing = timings.get(name)
    if timing is None:
        timing = timings[name] = StatementTiming()
    timing.count += 1
    timing.total += seconds
    if seconds > timing.worst:
        timing.worst = seconds
    if seconds > SLOW_SECONDS:
        log.warning("slow statement %s: %.0f ms", name, seconds * 1000)
