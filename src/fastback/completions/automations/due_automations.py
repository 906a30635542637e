"""Automations that are due: claim each for one run, and set when it runs next.

An automation that was due while no server ran, runs once, as soon as one does; what it has missed besides is skipped.
"""

from __future__ import annotations

import logging

from fastback.completions.automations.runner import AutomationRunner
from fastback.features.automations import due_store, store
from fastback.features.automations.access import AutomationAccess
from fastback.features.automations.due_store import DueAutomation
from fastback.features.automations.schedules import Evaluation, LocalRule, Schedules
from fastback.features.automations.schemas import parse_data
from fastback.kit.db import Database
from fastback.kit.tasks import Tasks

log = logging.getLogger("fastback.automations")

#: Automations that are claimed together, and how often in one check.
_BATCH_SIZE, _MAX_BATCHES = 10, 100
#: Nanoseconds for which an automation waits whose schedule takes too long to evaluate.
_SLOW_PAUSE = 600 * 10**9


class DueAutomations:
    """Start automations that are due, as many as may run at the same time."""

    def __init__(
        self,
        *,
        db: Database,
        tasks: Tasks,
        access: AutomationAccess,
        schedules: Schedules,
        runner: AutomationRunner,
    ) -> None:
        self._db = db
        self._tasks = tasks
        self._access = access
        self._schedules = schedules
        self._runner = runner

    @property
    def _may_start(self) -> bool:
        return self._access.is_enabled and self._runner.free_places > 0 and not self._tasks.stopping.is_set()

    async def find_next_due(self) -> int | None:
        return await due_store.find_next_due(self._db) if self._may_start else None

    async def start_due(self, now: int) -> None:
        for _ in range(_MAX_BATCHES):
            limit = min(_BATCH_SIZE, self._runner.free_places)
            due = await due_store.list_due(self._db, now, limit) if self._may_start else []
            if not due:
                return
            rules = [LocalRule(parse_data(automation.data).rrule, automation.timezone) for automation in due]
            evaluations = await self._schedules.evaluate(rules, urgent=True)
            for automation, evaluation in zip(due, evaluations, strict=True):
                await self._start(automation, evaluation, now)

    async def _start(self, automation: DueAutomation, evaluation: Evaluation, now: int) -> None:
        """Claim an automation and start its run, unless another process was faster."""
        if evaluation.is_slow:
            log.warning("automation %s skipped: its schedule takes too long to evaluate", automation.id)
            await due_store.postpone(self._db, automation, now + _SLOW_PAUSE)
            return
        next_run_at = evaluation.runs[0] if evaluation.runs else None
        if not await due_store.claim(self._db, automation, now, next_run_at):
            return
        if evaluation.error is None:
            self._runner.start(automation.id)
        elif (row := await store.find_automation(self._db, automation.id)) is not None:
            await self._runner.record_failure(row, evaluation.error)
