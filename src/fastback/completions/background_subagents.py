"""Subagents in the background: the answer goes on without them, and their result continues the chat later.

The result is a question that the server asks in the chat, in the user's name; its message says so (`meta`). It waits
until the chat is idle. Until then a row keeps what the chat is to hear: a server that has stopped in between tells the
chat after its next start, with what there is of the subagent's answer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakValueDictionary

import msgspec

from fastback.access.identity import User
from fastback.completions import background_run_store as run_store
from fastback.completions.background_results import SubagentResult, build_request, describe_result, find_parent_id
from fastback.completions.background_run_store import BackgroundRun
from fastback.completions.subagents import Delegation, SubagentFailed, Subagents
from fastback.completions.turn_request import TurnRequest
from fastback.config import Config
from fastback.config.keys.chat import SUBAGENTS_BACKGROUND_ENABLED, SUBAGENTS_MAX_ASYNC
from fastback.features.chats.document import Document
from fastback.features.chats.messages import left_over_answers, turn_store
from fastback.features.chats.messages.answer_store import AnswerId
from fastback.features.chats.turn_events import TurnEvent
from fastback.features.nodes.nodes import Nodes
from fastback.features.users import store as users
from fastback.kit.bus import Bus
from fastback.kit.cluster import Cluster
from fastback.kit.db import Database
from fastback.kit.http.errors import HttpError
from fastback.kit.tasks import Tasks
from fastback.providers.request_context import RequestContext

log = logging.getLogger("fastback.completions")

Json = dict[str, Any]

_SHARED_FIELDS = ("tool_ids", "skill_ids", "filter_ids", "terminal_id", "features", "variables", "params")
_FAILED = "The subagent did not complete successfully."
_STOPPED = "The server stopped before the subagent was done."

#: The method that returns which of some runs a process has under way, and the seconds until one is called again.
_METHOD, _RETRY_SECONDS = "subagents.select_running", 2.0
#: Seconds in which one process alone recovers a run; it claims the run from then on.
_LEASE_SECONDS = 30.0

StartTurn = Callable[[TurnRequest, RequestContext], Awaitable[Any]]


class BackgroundSubagents:
    """Dispatch subagents, a limited number at a time, and continue chats with their results."""

    def __init__(
        self,
        *,
        db: Database,
        config: Config,
        tasks: Tasks,
        bus: Bus,
        subagents: Subagents,
        nodes: Nodes,
        cluster: Cluster,
    ) -> None:
        self._db = db
        self._config = config
        self._tasks = tasks
        self._bus = bus
        self._subagents = subagents
        self._start_turn: StartTurn | None = None
        self._nodes = nodes
        self._cluster = cluster
        self._active_count = 0
        #: The runs whose result this process brings to their chats.
        self._own_ids: set[str] = set()
        nodes.answer_claims(_METHOD, lambda: self._own_ids)
        nodes.death_listeners.append(lambda _: self.start_recovery())
        #: By chat: its results continue it one after the other.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def is_enabled(self) -> bool:
        """Whether models may leave subagents in the background."""
        return self._config.get_bool(SUBAGENTS_BACKGROUND_ENABLED)

    def connect(self, start_turn: StartTurn) -> None:
        """Use this function to start turns in chats."""
        self._start_turn = start_turn

    async def dispatch(self, delegation: Delegation) -> Json:
        """Start a subagent, and return the handle that the model gets.

        Raises:
            SubagentFailed: as many run as may.
        """
        value = self._config.get_number(SUBAGENTS_MAX_ASYNC)
        limit = int(value) if value else 20
        if limit != -1 and self._active_count >= max(1, limit):
            raise SubagentFailed(
                f"Async subagent capacity reached ({limit} running). Wait for one to finish or increase "
                "subagents.max_async."
            )
        self._active_count += 1
        run = _build_run(delegation)
        self._own_ids.add(run.id)
        try:
            await run_store.insert_run(self._db, run)
        except BaseException:
            self._active_count -= 1
            self._own_ids.discard(run.id)
            raise
        self._tasks.run_in_background(self._run(delegation, run))
        return {
            "status": "dispatched",
            "delegation_id": delegation.id,
            "subagent_chat_id": delegation.chat_id,
            "mode": "background",
            "task": delegation.task,
        }

    async def _run(self, delegation: Delegation, run: BackgroundRun) -> None:
        begin = time.monotonic()
        try:
            result = SubagentResult("completed", await self._subagents.run(delegation))
        except SubagentFailed as error:
            result = SubagentResult("error", f"{_FAILED} {error}")
        except Exception:
            log.exception("subagent %s failed", delegation.id)
            result = SubagentResult("error", _FAILED)
        finally:
            self._active_count -= 1
        result.seconds = time.monotonic() - begin
        ctx = msgspec.structs.replace(delegation.turn.ctx, plugin_turn_id="", plugin_metadata={})
        self._tasks.run_through_outages(lambda: self._deliver(run, result, ctx))

    # -- after the end of a process ----------------------------------------------------------------------------------

    async def start_recovery(self) -> None:
        """Continue, in the background, the chats whose subagents had not told them when their process ended."""
        runs = {run.id: run for run in await run_store.list_runs(self._db) if run.id not in self._own_ids}

        async def recover() -> None:
            unclaimed = await self._nodes.select_unclaimed(_METHOD, list(runs))
            while unclaimed is None:
                await asyncio.sleep(_RETRY_SECONDS)
                unclaimed = await self._nodes.select_unclaimed(_METHOD, list(runs))
            for run_id in unclaimed:
                await self._recover_run(runs[run_id])
                del runs[run_id]

        if runs:
            self._tasks.run_through_outages(recover)

    async def _recover_run(self, run: BackgroundRun) -> None:
        lease = await self._cluster.acquire_lease(f"subagent:{run.id}", seconds=_LEASE_SECONDS)
        if lease is None and run.id not in self._own_ids:
            return  # another process does it
        self._own_ids.add(run.id)
        user = await users.find_user(self._db, run.user_id)
        if user is None or await self._has_result(run):
            await self._delete_run(run)
            return
        result = await self._read_result(run)
        log.info("reporting subagent %s of an earlier process to its chat: %s", run.id, result.status)
        ctx = RequestContext(user=User(user.id, user.email, user.name, user.role))
        self._tasks.run_through_outages(lambda: self._deliver(run, result, ctx))

    async def _has_result(self, run: BackgroundRun) -> bool:
        """Return whether the chat has the result: an earlier process may have ended before it noted that."""
        chat = await turn_store.find_chat_document(self._db, run.chat_id)
        if chat is None:
            return False
        document = await Document.load(self._db, chat.chat)
        messages = await document.run(document.decode_messages)
        return any((message.get("meta") or {}).get("delegation_id") == run.id for message in messages.values())

    async def _read_result(self, run: BackgroundRun) -> SubagentResult:
        """Return what a subagent of an earlier process has come to."""
        chat_id, answer_id = run.subagent_chat_id, run.answer_id
        row_id = AnswerId(f"{chat_id}-{answer_id}", chat_id)
        await left_over_answers.finish_answer(self._db, row_id, {"error": left_over_answers.INTERRUPTED})
        message = await turn_store.find_message(self._db, chat_id, answer_id)
        if message is not None and message.get("error") == left_over_answers.INTERRUPTED:
            text = self._subagents.get_text(message)
            return SubagentResult("interrupted", "\n".join([_STOPPED, *(["Partial output:", text] if text else [])]))
        try:
            return SubagentResult("completed", await self._subagents.read_answer(chat_id, answer_id))
        except SubagentFailed as error:
            return SubagentResult("error", f"{_FAILED} {error}")

    # -- the chat --------------------------------------------------------------------------------------------------

    async def _deliver(self, run: BackgroundRun, result: SubagentResult, ctx: RequestContext) -> None:
        """Tell the chat of a result once it is idle."""
        lock = self._locks.setdefault(run.chat_id, asyncio.Lock())
        async with lock:
            while task_ids := self._tasks.list_group_ids(run.chat_id):
                await self._tasks.wait(task_ids[-1])
            if self._tasks.stopping.is_set():
                return  # the next start tells the chat
            await self._continue_chat(run, describe_result(run, result), ctx)
            await self._delete_run(run)

    async def _delete_run(self, run: BackgroundRun) -> None:
        await run_store.delete_run(self._db, run.id)
        self._own_ids.discard(run.id)

    async def _continue_chat(self, run: BackgroundRun, text: str, ctx: RequestContext) -> None:
        """Ask the model of the chat what to do with a result. Nothing happens where the chat or its owner is gone."""
        chat = await turn_store.find_chat_document(self._db, run.chat_id)
        user = await users.find_user(self._db, run.user_id)
        is_owner = chat is not None and chat.user_id == run.user_id
        if chat is None or user is None or not is_owner or user.role not in ("admin", "user"):
            return
        if self._start_turn is None:
            return
        document = await Document.load(self._db, chat.chat)
        parent_id = await document.run(find_parent_id, document)
        request = build_request(run, text, parent_id)
        try:
            await self._start_turn(request, ctx)
        except HttpError as error:
            log.warning("the result of subagent %s is shown without an answer: %s", run.id, error.detail)
            await self._show_result(run, request, user.name, str(error.detail))
        answer_id = str(request.slots[0].message_id)
        await self._bus.publish(TurnEvent(run.user_id, run.chat_id, answer_id, {"type": "chat:reload"}))

    async def _show_result(self, run: BackgroundRun, request: TurnRequest, user_name: str, reason: str) -> None:
        """Put a result into the chat whose model cannot be asked; the answer says why."""
        answer_id = str(request.slots[0].message_id)
        await turn_store.insert_turn(
            self._db,
            chat_id=run.chat_id,
            user_id=run.user_id,
            user_name=user_name,
            user_message=request.user_message,
            answers=[slot.as_dict() for slot in request.slots],
            task_ids={answer_id: ""},
            models=None,
            files=None,
            variables=None,
        )
        failure = {"done": True, "error": {"content": reason}}
        await turn_store.save_message(self._db, run.chat_id, answer_id, failure)


def _build_run(delegation: Delegation) -> BackgroundRun:
    turn = delegation.turn
    body = turn.request.body
    return BackgroundRun(
        id=delegation.id,
        user_id=turn.user.id,
        chat_id=turn.request.chat_id,
        subagent_chat_id=delegation.chat_id,
        answer_id=str(delegation.request.slots[0].message_id),
        task=delegation.task,
        context=delegation.context,
        model_id=turn.model.id,
        session_id=turn.request.session_id,
        system_prompt=turn.request_prompt,
        fields={name: body[name] for name in _SHARED_FIELDS if body.get(name) is not None},
    )
