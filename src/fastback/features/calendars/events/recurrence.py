"""Recurrence rules of events, evaluated in worker processes with limits of time."""

from __future__ import annotations

import logging
from typing import Any

from fastback.kit.http import HttpError
from fastback.kit.workers.errors import JobFailed, WorkerDied
from fastback.kit.workers.pool import Limits, WorkerPool

log = logging.getLogger("fastback.calendars")

#: Series in one job.
_BATCH_SIZE = 50
#: A job evaluates as many rules as a batch has; each has a limit of its own.
_LIMITS = Limits(processes=1, seconds=30, niceness=0, memory=512 * 2**20)
#: Times that 64 bits hold (ns), with room for the length of an event.
_EARLIEST, _LATEST = -(2**62), 2**63 - 2**61


class Recurrence:
    """Check and expand recurrence rules."""

    def __init__(self) -> None:
        self.workers = WorkerPool("fastback.features.calendars.events.recurrence_worker", _LIMITS, name="recurrence")

    async def check_rule(self, text: str) -> None:
        """Check that a rule is valid, and repeats no more often than daily.

        Raises:
            HttpError: it is not (422).
        """
        try:
            await self.workers.run_job({"check": text})
        except JobFailed as error:
            raise HttpError(422, str(error)) from None
        except WorkerDied:
            raise HttpError(422, "Schedule took too long to evaluate; simplify its recurrence rule.") from None

    async def expand_series(self, series: list[dict[str, Any]], start: int, end: int) -> list[list[int] | None]:
        """Return the starts (ns) of the occurrences of each series that a range meets.

        A series has `rule`, `start` and `length` (ns), and `zone`, the name of its time zone or None. A rule that
        cannot be evaluated has None.
        """
        starts: list[list[int] | None] = []
        window = {"start": min(max(start, _EARLIEST), _LATEST), "end": min(max(end, _EARLIEST), _LATEST)}
        for first in range(0, len(series), _BATCH_SIZE):
            batch = series[first : first + _BATCH_SIZE]
            try:
                starts += await self.workers.run_job({"series": batch, **window})
            except (JobFailed, WorkerDied) as error:
                log.warning("evaluating %d recurrence rules failed: %s", len(batch), error)
                starts += [None] * len(batch)
        return starts
