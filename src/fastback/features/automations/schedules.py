"""Schedules of automations: recurrence rules, evaluated in a worker process with limits of time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from fastback.kit.clock import clock
from fastback.kit.workers.errors import JobFailed, WorkerDied
from fastback.kit.workers.pool import Limits, WorkerPool
from fastback.kit.workers.recurrence import TOO_SLOW

#: Runs that the page shows of a schedule.
SHOWN_RUNS = 5
#: Rules in one job; each has a limit of its own.
_BATCH_SIZE = 10
#: Seconds for all entries of one response.
_EXPANSION_SECONDS = 10.0
_LIMITS = Limits(processes=1, seconds=60, niceness=0, memory=512 * 2**20)
_COUNT_NEEDS_START = "RRULE with COUNT requires an explicit DTSTART line to anchor the occurrence window"
_NO_FUTURE_RUNS = "RRULE has no future occurrences"


class ScheduleRefused(ValueError):
    """A schedule is invalid, or never runs; the text is for the user."""


class LocalRule(NamedTuple):
    """A recurrence rule, and the name of the time zone that it counts in; None for the zone of the server."""

    text: str
    zone: str | None


class Evaluation(msgspec.Struct):
    """The next runs (ns) of a rule, or the error in it; `interval` in seconds, where a rule runs more than once."""

    runs: list[int] = []
    error: str | None = None
    is_slow: bool = False
    interval: int | None = None


class RangeEntry(msgspec.Struct):
    """An automation whose runs in a range are looked for: its rule, its next run (ns), and its time zone."""

    rule: str
    next: int
    zone: str | None


class Schedules:
    """Evaluate schedules."""

    def __init__(self) -> None:
        self.workers = WorkerPool("fastback.features.automations.schedule_worker", _LIMITS, name="schedules")

    async def evaluate(
        self, rules: Sequence[LocalRule], *, count: int = 1, with_interval: bool = False, urgent: bool = False
    ) -> list[Evaluation]:
        """Return the next runs of each rule; a rule without more runs has an empty list. Urgent jobs go first."""
        evaluations: list[Evaluation] = []
        for first in range(0, len(rules), _BATCH_SIZE):
            batch = [
                {"rule": rule.text, "zone": rule.zone, "interval": with_interval}
                for rule in rules[first : first + _BATCH_SIZE]
            ]
            job = {"rules": batch, "now": clock.time_ns(), "count": count}
            results = await self._run_job(job, urgent=urgent)
            evaluations += (
                msgspec.convert(results, list[Evaluation])
                if results is not None
                else [Evaluation(error=TOO_SLOW, is_slow=True) for _ in batch]
            )
        return evaluations

    async def check(self, rule: LocalRule) -> Evaluation:
        """Return the next runs of a new schedule, at least one, and its interval.

        Raises:
            ScheduleRefused: it is invalid, or has no next run.
        """
        upper = rule.text.upper()
        if "COUNT=" in upper and "DTSTART" not in upper:
            raise ScheduleRefused(_COUNT_NEEDS_START)
        (evaluation,) = await self.evaluate([rule], count=SHOWN_RUNS, with_interval=True)
        if evaluation.error is not None:
            raise ScheduleRefused(evaluation.error)
        if not evaluation.runs:
            raise ScheduleRefused(_NO_FUTURE_RUNS)
        return evaluation

    async def expand(self, entries: Sequence[RangeEntry], start: int, end: int) -> list[list[int]]:
        """Return the runs (ns) of automations in a range, a limited number of each.

        The automations after those that have taken the time of a request have none.
        """
        runs: list[list[int]] = []
        deadline = time.monotonic() + _EXPANSION_SECONDS
        for first in range(0, len(entries), _BATCH_SIZE):
            if time.monotonic() > deadline:
                return [*runs, *([] for _ in entries[first:])]
            batch = list(entries[first : first + _BATCH_SIZE])
            job = {"entries": msgspec.to_builtins(batch), "start": start, "end": end}
            runs += await self._run_job(job) or [[] for _ in batch]
        return runs

    async def _run_job(self, job: dict[str, Any], *, urgent: bool = False) -> Any:
        """Return the result of a job; None where its process was lost."""
        try:
            return await self.workers.run_job(job, urgent=urgent)
        except (JobFailed, WorkerDied):
            return None
