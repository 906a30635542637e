"""Timers that are due: their prompt is asked in their chat, in the name of its user, once the chat is idle."""

from __future__ import annotations

import logging
import uuid

from fastback.access.identity import User
from fastback.completions.automations.timer_question import build_timer_request, read_prompt
from fastback.completions.background_results import find_parent_id
from fastback.completions.page_turns import PageTurns
from fastback.completions.turn_request import TurnRequest
from fastback.features.chats.document import Document
from fastback.features.chats.messages import turn_store
from fastback.features.chats.timers import store
from fastback.features.chats.timers.store import Timer
from fastback.features.chats.turn_events import TurnEvent
from fastback.features.users import store as users
from fastback.kit.bus import Bus
from fastback.kit.clock import clock
from fastback.kit.db import Database
from fastback.kit.http.errors import HttpError
from fastback.kit.outages import choose_log_level
from fastback.kit.tasks import Tasks
from fastback.providers.request_context import RequestContext

log = logging.getLogger("fastback.automations")

#: Timers that one check looks at.
MAX_DUE = 100
#: Nanoseconds after which a timer is due again whose process was killed in the middle.
_CLAIM = 120 * 10**9
_MAX_ERROR = 500
#: Statuses of refusals that end by themselves.
_BUSY = (429, 503)


class DueTimers:
    """Ask the prompts of timers that are due."""

    def __init__(self, *, db: Database, bus: Bus, tasks: Tasks, turns: PageTurns) -> None:
        self._db = db
        self._bus = bus
        self._tasks = tasks
        self._turns = turns
        #: The timers whose prompts are being asked.
        self._active_ids: set[str] = set()

    async def find_next_due(self) -> int | None:
        return await store.find_next_due(self._db)

    async def start_due(self, now: int) -> None:
        for due in await store.list_due(self._db, now, MAX_DUE):
            if due.id not in self._active_ids and not self._tasks.stopping.is_set():
                self._active_ids.add(due.id)
                self._tasks.run_in_background(self._fire(due.id), may_finish=True)

    async def _fire(self, timer_id: str) -> None:
        try:
            timer = await store.find_timer(self._db, timer_id)
            if timer is not None and timer.timer_at is not None:
                await self._ask(timer)
        except HttpError as error:
            log.info("timer %s waits, retrying in %d s: %s", timer_id, _CLAIM // 10**9, error.detail)
        except Exception as error:
            log.log(choose_log_level(error), "timer %s failed, retrying", timer_id, exc_info=error)
        finally:
            self._active_ids.discard(timer_id)

    async def _ask(self, timer: Timer) -> None:
        """Claim a timer, and ask its prompt; nothing happens while its chat is busy."""
        meta = timer.meta or {}
        chat_id = str(meta.get("parent_chat_id") or "")
        if meta.get("status") not in ("pending", "running"):
            await store.change_timer(self._db, timer, {})
            return
        if self._tasks.list_group_ids(chat_id):
            return  # it is still due at the next check
        started_at = clock.time_ns()
        changes = {"status": "running", "timer_started_at": started_at, "timer_claim_id": str(uuid.uuid4())}
        if not await store.change_timer(self._db, timer, changes, started_at + _CLAIM):
            return  # another process was faster, or it was cancelled
        timer.meta, timer.timer_at = {**meta, **changes}, started_at + _CLAIM
        error = await self._continue_chat(timer, chat_id)
        end = {"status": "completed", "timer_completed_at": clock.time_ns()}
        if error is not None:
            log.info("timer %s failed: %s", timer.id, error)
            end = {"status": "error", "timer_error": error[:_MAX_ERROR]}
        await store.change_timer(self._db, timer, end)

    async def _continue_chat(self, timer: Timer, chat_id: str) -> str | None:
        """Ask the prompt of a timer in its chat; return why that is not possible.

        Raises:
            HttpError: the user or the server has too many turns now, or the server stops.
        """
        meta = timer.meta or {}
        chat = await turn_store.find_chat_document(self._db, chat_id)
        if chat is None or chat.user_id != timer.user_id:
            return "parent chat no longer exists"
        message = await turn_store.find_message(self._db, timer.id, str(meta.get("timer_task_message_id") or ""))
        if message is None:
            return "timer task message is missing"
        owner = await users.find_user(self._db, timer.user_id)
        if owner is None:
            return "timer user no longer exists"
        user = User(owner.id, owner.email, owner.name, owner.role)
        if not user.is_verified:
            return "owner no longer permitted to run timers"
        document = await Document.load(self._db, chat.chat)
        parent_id = await document.run(find_parent_id, document)
        request = build_timer_request(timer, read_prompt(message), parent_id or meta.get("parent_message_id"))
        if request is None:
            return "model context is missing"
        if document.find_message(request.user_message["id"]) is not None:
            return None  # an earlier process has asked it, and was killed before it noted that
        failure = None
        try:
            await self._turns.start(request, RequestContext(user=user))
        except HttpError as error:
            if error.status in _BUSY:
                raise
            failure = str(error.detail)
            await self._show_failure(request, user, failure)
        answer_id = str(request.slots[0].message_id)
        await self._bus.publish(TurnEvent(user.id, chat_id, answer_id, {"type": "chat:reload"}))
        return failure

    async def _show_failure(self, request: TurnRequest, user: User, reason: str) -> None:
        """Put the prompt into the chat whose model cannot be asked; the answer says why."""
        answer_id = str(request.slots[0].message_id)
        try:
            await turn_store.insert_turn(
                self._db,
                chat_id=request.chat_id,
                user_id=user.id,
                user_name=user.name,
                user_message=request.user_message,
                answers=[slot.as_dict() for slot in request.slots],
                task_ids={answer_id: ""},
                models=None,
                files=None,
                variables=None,
            )
        except HttpError as error:
            log.warning("the prompt of a timer is not shown in chat %s: %s", request.chat_id, error.detail)
            return
        failure = {"done": True, "error": {"content": reason}}
        await turn_store.save_message(self._db, request.chat_id, answer_id, failure)
