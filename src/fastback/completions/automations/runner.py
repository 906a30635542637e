"""Run automations as their owners, and record what has come of it."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from fastback.access import credential_store
from fastback.access.activity import ActivityEvent
from fastback.access.identity import User
from fastback.access.tokens import TokenSigner, parse_duration
from fastback.completions.automations.channel_runs import ChannelRuns
from fastback.completions.automations.chat_runs import ChatRuns
from fastback.completions.automations.run import CANCELLED, AutomationRun, RunFailed, describe_error
from fastback.config import Config
from fastback.config.keys.features import AUTOMATIONS_AUTH_TOKEN_EXPIRES_IN, MEMORIES_ENABLE
from fastback.config.keys.interface import UI_DEFAULT_INTERFACE_SETTINGS
from fastback.features.automations import run_store, store
from fastback.features.automations.access import AutomationAccess
from fastback.features.automations.events import ResultMessage
from fastback.features.automations.schemas import Automation
from fastback.features.prompts.prompt_variables import resolve_variables
from fastback.features.users import store as user_store
from fastback.features.users.store import UserRecord
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http.errors import HttpError
from fastback.kit.outages import find_outage
from fastback.kit.tasks import Tasks
from fastback.providers.request_context import RequestContext

log = logging.getLogger("fastback.automations")

Json = dict[str, Any]

#: Scheduled runs at the same time in one process; what is due beyond that waits.
MAX_RUNNING = 20
#: Runs that a user has asked for, at the same time.
MAX_REQUESTED = 10
_TOO_MANY = f"Too many runs at once: {MAX_REQUESTED} may be requested at the same time"
_DEFAULT_LIFETIME = 3600


class AutomationRunner:
    """Run automations beside everything else."""

    def __init__(
        self,
        *,
        db: Database,
        config: Config,
        tasks: Tasks,
        bus: Bus,
        tokens: TokenSigner,
        access: AutomationAccess,
        chat_runs: ChatRuns,
        channel_runs: ChannelRuns,
    ) -> None:
        self._db = db
        self._config = config
        self._tasks = tasks
        self._bus = bus
        self._tokens = tokens
        self._access = access
        self._chat_runs = chat_runs
        self._channel_runs = channel_runs
        self._running_count = 0
        #: By user, the requested runs.
        self._requested: Counter[str] = Counter()
        self._on_end: Callable[[], None] = lambda: None

    @property
    def free_places(self) -> int:
        """How many further automations may run now."""
        return max(MAX_RUNNING - self._running_count, 0)

    def connect(self, on_end: Callable[[], None]) -> None:
        """Call this function whenever a run has ended."""
        self._on_end = on_end

    def start(self, automation_id: str) -> None:
        """Run an automation in the background."""
        self._running_count += 1
        self._tasks.run_in_background(self._run_by_id(automation_id), may_finish=True)

    def start_requested(self, automation_id: str, user_id: str) -> None:
        """Run an automation in the background because its owner wants it now."""
        is_allowed = self._requested[user_id] < MAX_REQUESTED
        self._requested[user_id] += 1
        work = self._run_by_id(automation_id) if is_allowed else self._refuse(automation_id)
        self._running_count += is_allowed
        self._tasks.run_in_background(self._count_requested(work, user_id), may_finish=True)

    async def _count_requested(self, work: Awaitable[None], user_id: str) -> None:
        try:
            await work
        finally:
            self._requested[user_id] -= 1
            if not self._requested[user_id]:
                del self._requested[user_id]

    async def _refuse(self, automation_id: str) -> None:
        automation = await store.find_automation(self._db, automation_id)
        if automation is not None:
            await self.record_failure(automation, _TOO_MANY)

    async def _run_by_id(self, automation_id: str) -> None:
        try:
            automation = await store.find_automation(self._db, automation_id)
            if automation is not None:
                await self.run(automation)
        finally:
            self._running_count -= 1
            self._on_end()

    async def run(self, automation: Automation) -> None:
        """Run an automation to its end; a failure is recorded, not raised."""
        owner = await user_store.find_user(self._db, automation.user_id)
        if owner is None:
            await self.record_failure(automation, "User not found")
            return
        user = User(owner.id, owner.email, owner.name, owner.role)
        if not user.is_verified or not await self._access.is_permitted(user):
            await self.record_failure(automation, "Owner no longer permitted to run automations", actor=user)
            return
        run: AutomationRun | None = None
        try:
            run = await self._prepare(automation, owner, user)
            runs = self._chat_runs if run.task.channel_id is None else self._channel_runs
            await runs.run(run)
        except asyncio.CancelledError:
            await asyncio.shield(self.record_failure(automation, CANCELLED, chat_id=run.chat_id if run else None))
            raise
        except Exception as error:
            is_expected = isinstance(error, (HttpError, RunFailed)) or find_outage(error) is not None
            log.log(
                logging.INFO if is_expected else logging.ERROR,
                "automation %s failed: %s",
                automation.id,
                error,
                exc_info=None if is_expected else error,
            )
            await self.record_failure(automation, describe_error(error), chat_id=run.chat_id if run else None)
        else:
            await self._record_success(run)

    async def _prepare(self, automation: Automation, owner: UserRecord, user: User) -> AutomationRun:
        """Return a run with a token of its own, which expires.

        Raises:
            RunFailed: the owner can no longer sign in. BadRequest: the prompt becomes too long.
        """
        credential = await credential_store.find_account(self._db, user.id)
        if credential is None or not credential.active:
            raise RunFailed("Automation owner is no longer active")
        claims = {"id": user.id, "typ": "automation", "session_stamp": credential.session_stamp}
        token = self._tokens.create(claims, lifetime=self._get_token_lifetime())
        task = automation.task
        return AutomationRun(
            automation=automation,
            task=task,
            user=user,
            prompt=await resolve_variables(self._db, task.prompt, user),
            ctx=RequestContext(user=user, token=token, auth_type="jwt", automation_id=automation.id),
            features={"memory": True} if self._uses_memory(owner) else {},
        )

    def _get_token_lifetime(self) -> int:
        """Return the seconds for which the token of a run is valid."""
        try:
            seconds = parse_duration(self._config.get_text(AUTOMATIONS_AUTH_TOKEN_EXPIRES_IN))
        except ValueError:
            seconds = None
        return seconds if seconds is not None and seconds > 0 else _DEFAULT_LIFETIME

    def _uses_memory(self, owner: UserRecord) -> bool:
        """Return whether the page of the owner would switch memories on."""
        settings = msgspec.json.decode(owner.settings)
        page = settings.get("ui") if isinstance(settings, dict) else None
        for choices in (page, self._config.get_object(UI_DEFAULT_INTERFACE_SETTINGS)):
            if isinstance(choices, dict) and choices.get("memory") is not None:
                return bool(choices["memory"])
        return self._config.get_bool(MEMORIES_ENABLE)

    # -- results -----------------------------------------------------------------------------------------------------

    async def _record_success(self, run: AutomationRun) -> None:
        automation = run.automation
        location: Json = {"chat_id": run.chat_id}
        details: Json = {"chat_id": run.chat_id}
        if run.channel_message_id is not None:
            location["message_id"] = run.channel_message_id
            details = {"channel_id": run.task.channel_id, "message_id": run.channel_message_id}
        result = {"automation_id": automation.id, "name": automation.name, **location, "status": "success"}
        await self._bus.publish(ResultMessage(automation.user_id, result))
        await self._record(automation.id, "success", run.chat_id, None)
        data = {"name": automation.name, **details}
        await self._bus.publish(ActivityEvent("automation.run_completed", run.user, automation.id, data=data))

    async def record_failure(
        self, automation: Automation, error: str, *, actor: User | None = None, chat_id: str | None = None
    ) -> None:
        """Record a run that has failed."""
        await self._record(automation.id, "error", chat_id, error)
        data = {"name": automation.name, "error": error, **({"chat_id": chat_id} if chat_id else {})}
        await self._bus.publish(ActivityEvent("automation.run_failed", actor, automation.id, data=data))

    async def _record(self, automation_id: str, status: str, chat_id: str | None, error: str | None) -> None:
        async def insert() -> None:
            await run_store.insert_run(self._db, automation_id, status, chat_id=chat_id, error=error)

        try:
            await insert()
        except Exception as failure:
            if find_outage(failure) is None:
                raise
            self._tasks.run_through_outages(insert)
