"""Automations as records: list, create, change, pause and delete them, and ask for runs."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fastback.access.activity import ActivityEvent
from fastback.access.identity import User
from fastback.features.automations import run_store, store
from fastback.features.automations.access import AutomationAccess
from fastback.features.automations.events import RunRequested, ScheduleChanged
from fastback.features.automations.schedules import SHOWN_RUNS, Evaluation, LocalRule, ScheduleRefused, Schedules
from fastback.features.automations.schemas import (
    Automation,
    AutomationForm,
    AutomationPage,
    AutomationResponse,
    RunResponse,
)
from fastback.features.automations.store import AutomationFilter
from fastback.features.users import store as user_store
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, NotFound

#: Runs on one page.
MAX_RUNS = 1000


def _build_response(
    automation: Automation, last_run: RunResponse | None, next_runs: list[int] | None = None
) -> AutomationResponse:
    return AutomationResponse(**msgspec.structs.asdict(automation), last_run=last_run, next_runs=next_runs)


class AutomationService:
    """Read and change automations for their owners. Whether they may is checked by `AutomationAccess`."""

    def __init__(self, *, db: Database, access: AutomationAccess, schedules: Schedules, bus: Bus) -> None:
        self._db = db
        self._access = access
        self._schedules = schedules
        self._bus = bus

    # -- reading -----------------------------------------------------------------------------------------------------

    async def list_page(self, criteria: AutomationFilter, *, skip: int, limit: int) -> AutomationPage:
        """Return a page of automations with their last runs, newest first."""
        automations, total = await store.list_automations(self._db, criteria, limit=limit, skip=skip)
        ids = [automation.id for automation in automations]
        runs = await run_store.list_last_runs(self._db, ids) if ids else []
        last_runs = {run.automation_id: run for run in runs}
        items = [_build_response(automation, last_runs.get(automation.id)) for automation in automations]
        return AutomationPage(items, total)

    async def list_next_runs(self, automations: Sequence[Automation], user: User) -> list[list[int]]:
        """Return the next runs (ns) of each automation, also of paused ones; none of a schedule that is invalid."""
        if not automations:
            return []
        zone = await self._find_zone(user)
        rules = [LocalRule(automation.task.rrule, zone) for automation in automations]
        evaluations = await self._schedules.evaluate(rules, count=SHOWN_RUNS)
        return [evaluation.runs for evaluation in evaluations]

    async def describe(self, automation: Automation, user: User) -> AutomationResponse:
        """Return an automation with its last run and its next runs."""
        last_runs = await run_store.list_last_runs(self._db, [automation.id])
        (next_runs,) = await self.list_next_runs([automation], user)
        return _build_response(automation, last_runs[0] if last_runs else None, next_runs)

    async def list_runs(self, automation: Automation, *, skip: int, limit: int) -> list[RunResponse]:
        """Return a page of the runs of an automation, last first."""
        limit = min(limit, MAX_RUNS) if limit >= 0 else MAX_RUNS
        return await run_store.list_runs(self._db, automation.id, skip=max(skip, 0), limit=limit)

    async def _find_zone(self, user: User) -> str | None:
        return await user_store.find_timezone(self._db, user.id)

    async def check_schedule(self, rule: str, user: User) -> Evaluation:
        """Return the next runs of a new schedule in the time zone of a user.

        Raises:
            ScheduleRefused: it is invalid, or has no next run.
        """
        return await self._schedules.check(LocalRule(rule, await self._find_zone(user)))

    # -- changes -----------------------------------------------------------------------------------------------------

    async def create(self, user: User, form: AutomationForm) -> AutomationResponse:
        """Create an automation.

        Raises:
            NotFound, Forbidden: the user may not use the folder or the channel, or has too many automations.
            BadRequest: the schedule is invalid, or too frequent.
        """
        await self._access.require_folder(form.folder_id, user)
        await self._access.require_channel(form.data, user)
        evaluation = await self._require_schedule(form.data.rrule, user)
        await self._access.require_room(user)
        self._access.require_interval(user, evaluation.interval)
        automation_id = await store.insert_automation(self._db, user.id, form, evaluation.runs[0])
        automation = await self._reload(automation_id)
        await self._announce(automation)
        await self._publish(user, "automation.created", automation)
        return _build_response(automation, None, evaluation.runs)

    async def update(
        self, automation: Automation, user: User, form: AutomationForm, *, keeps_schedule: bool = False
    ) -> AutomationResponse:
        """Replace the fields of an automation. With `keeps_schedule` its schedule may be invalid, as it may be already.

        Raises:
            NotFound, Forbidden, BadRequest: see `create`; NotFound also where it was deleted meanwhile.
        """
        await self._access.require_folder(form.folder_id, user)
        await self._access.require_channel(form.data, user)
        if keeps_schedule:
            rule = LocalRule(form.data.rrule, await self._find_zone(user))
            (evaluation,) = await self._schedules.evaluate([rule], count=SHOWN_RUNS, with_interval=True)
        else:
            evaluation = await self._require_schedule(form.data.rrule, user)
        self._access.require_interval(user, evaluation.interval)
        next_run_at = evaluation.runs[0] if evaluation.runs else None
        await store.update_automation(self._db, automation.id, form, next_run_at)
        automation = await self._reload(automation.id)
        await self._announce(automation)
        await self._publish(user, "automation.updated", automation)
        last_runs = await run_store.list_last_runs(self._db, [automation.id])
        return _build_response(automation, last_runs[0] if last_runs else None, evaluation.runs)

    async def toggle(self, automation: Automation, user: User) -> AutomationResponse:
        """Pause an active automation, or resume a paused one.

        Raises:
            BadRequest: its schedule is invalid. NotFound: it was deleted meanwhile.
        """
        rule = LocalRule(automation.task.rrule, await self._find_zone(user))
        (evaluation,) = await self._schedules.evaluate([rule], count=SHOWN_RUNS)
        if evaluation.error is not None and not automation.is_active:
            raise BadRequest(evaluation.error)
        await store.toggle_automation(self._db, automation.id, evaluation.runs[0] if evaluation.runs else None)
        automation = await self._reload(automation.id)
        await self._announce(automation)
        event = "automation.enabled" if automation.is_active else "automation.disabled"
        await self._bus.publish(ActivityEvent(event, user, automation.id, "automation", {"name": automation.name}))
        last_runs = await run_store.list_last_runs(self._db, [automation.id])
        return _build_response(automation, last_runs[0] if last_runs else None, evaluation.runs)

    async def request_run(self, automation: Automation, user: User) -> AutomationResponse:
        """Start a run beside the request, whatever the schedule says."""
        await store.set_last_run(self._db, automation.id)
        automation = await self._reload(automation.id)
        response = await self.describe(automation, user)
        await self._bus.publish(RunRequested(automation.id, user.id))
        data = {"name": automation.name}
        await self._bus.publish(ActivityEvent("automation.run_started", user, automation.id, data=data))
        return response

    async def delete(self, automation: Automation, user: User) -> bool:
        """Delete an automation with its runs; return whether it was still there."""
        async with self._db.transaction() as tx:
            await run_store.delete_runs(tx, automation.id)
            is_deleted = await store.delete_automation(tx, automation.id)
        if is_deleted:
            data = {"name": automation.name}
            await self._bus.publish(ActivityEvent("automation.deleted", user, automation.id, data=data))
        return is_deleted

    async def _require_schedule(self, rule: str, user: User) -> Evaluation:
        try:
            return await self.check_schedule(rule, user)
        except ScheduleRefused as error:
            raise BadRequest(str(error)) from None

    async def _reload(self, automation_id: str) -> Automation:
        automation = await store.find_automation(self._db, automation_id)
        if automation is None:
            raise NotFound()
        return automation

    async def _announce(self, automation: Automation) -> None:
        """Tell the scheduler when an automation is due."""
        if automation.is_active and automation.next_run_at is not None:
            await self._bus.publish(ScheduleChanged(automation.next_run_at))

    async def _publish(self, user: User, event: str, automation: Automation) -> None:
        fields = msgspec.structs.asdict(automation)
        data = {name: fields[name] for name in ("name", "is_active", "folder_id")}
        await self._bus.publish(ActivityEvent(event, user, automation.id, data=data))
