"""Metrics of chat turns."""

from __future__ import annotations

import asyncio
from time import perf_counter

from fastback.completions.turn_slots import TurnSlots
from fastback.kit.http.errors import HttpError
from fastback.kit.metrics import Metrics


class TurnMetrics:
    """Count turns by how they end. It is a `TurnObserver`."""

    def __init__(self, metrics: Metrics, slots: TurnSlots) -> None:
        self._turns = metrics.add_counter(
            "fastback_turns",
            "Chat turns by outcome: `completed`, `refused` (the request is not possible), `failed` or `cancelled`.",
            ("outcome",),
        )
        self._seconds = metrics.add_histogram(
            "fastback_turn_duration_seconds",
            "Seconds of chat turns; those that relay a stream to an API client end with its first data here.",
        )
        metrics.add_number("fastback_turns_running", "Chat turns in progress.", lambda: slots.running)

    def end_turn(self, started: float, error: BaseException | None) -> None:
        """Count a turn that began at `started`, of `time.perf_counter`."""
        if error is None:
            outcome = "completed"
        elif isinstance(error, asyncio.CancelledError):
            outcome = "cancelled"
        elif isinstance(error, HttpError) and error.status < 500:
            outcome = "refused"
        else:
            outcome = "failed"
        self._turns.labels(outcome).inc()
        self._seconds.observe(perf_counter() - started)
