"""Durations of statements, by name: always counted, logged when slow."""

from __future__ import annotations

import logging

import msgspec

log = logging.getLogger("fastback.db")

#: Seconds from which a statement is logged.
SLOW_SECONDS = 0.2


class StatementTiming(msgspec.Struct):
    """The runs of one statement: their number, their seconds in total, and the seconds of the slowest."""

    count: int = 0
    total: float = 0.0
    worst: float = 0.0


timings: dict[str, StatementTiming] = {}


def record_timing(name: str, seconds: float) -> None:
    """Count one run of the statement `name`, and log it when it was slow."""
    timing = timings.get(name)
    if timing is None:
        timing = timings[name] = StatementTiming()
    timing.count += 1
    timing.total += seconds
    if seconds > timing.worst:
        timing.worst = seconds
    if seconds > SLOW_SECONDS:
        log.warning("slow statement %s: %.0f ms", name, seconds * 1000)
