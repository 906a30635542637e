"""Subagents in the background: the answer goes on without them, and their result continues the chat later.

The result is a question that the server asks in the chat, in the user's name; its message says so (`meta`). It waits
until the chat is idle.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakValueDictionary

from fastback.completions.subagents import Delegation, SubagentFailed, Subagents
from fastback.completions.turn_request import TurnRequest, parse_turn_request
from fastback.config import Config
from fastback.config.keys.chat import SUBAGENTS_BACKGROUND_ENABLED, SUBAGENTS_MAX_ASYNC
from fastback.features.chats.document import Document
from fastback.features.chats.messages import turn_store
from fastback.features.chats.messages.message_tree import walk_to_root
from fastback.features.chats.turn_events import TurnEvent
from fastback.features.users import store as users
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http.errors import HttpError
from fastback.kit.tasks import Tasks
from fastback.providers.request_context import RequestContext

log = logging.getLogger("fastback.completions")

Json = dict[str, Any]

_SHARED_FIELDS = ("tool_ids", "skill_ids", "filter_ids", "terminal_id", "features", "variables", "params")

StartTurn = Callable[[TurnRequest, RequestContext], Awaitable[Any]]


class BackgroundSubagents:
    """Dispatch subagents, a limited number at a time, and continue chats with their results."""

    def __init__(self, *, db: Database, config: Config, tasks: Tasks, bus: Bus, subagents: Subagents) -> None:
        self._db = db
        self._config = config
        self._tasks = tasks
        self._bus = bus
        self._subagents = subagents
        self._start_turn: StartTurn | None = None
        self._active_count = 0
        #: By chat: its results continue it one after the other.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def is_enabled(self) -> bool:
        """Whether models may leave subagents in the background."""
        return self._config.get_bool(SUBAGENTS_BACKGROUND_ENABLED)

    def connect(self, start_turn: StartTurn) -> None:
        """Use this function to start turns in chats."""
        self._start_turn = start_turn

    def dispatch(self, delegation: Delegation) -> Json:
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
        self._tasks.run_in_background(self._run(delegation))
        return {
            "status": "dispatched",
            "delegation_id": delegation.id,
            "subagent_chat_id": delegation.chat_id,
            "mode": "background",
            "task": delegation.task,
        }

    async def _run(self, delegation: Delegation) -> None:
        begin = time.monotonic()
        status, result = "completed", ""
        try:
            result = await self._subagents.run(delegation)
        except SubagentFailed as error:
            status, result = "error", f"The subagent did not complete successfully. {error}"
        except Exception:
            log.exception("subagent %s failed", delegation.id)
            status, result = "error", "The subagent did not complete successfully."
        finally:
            self._active_count -= 1
        text = _describe_result(delegation, status, result, time.monotonic() - begin)
        chat_id = delegation.turn.request.chat_id
        lock = self._locks.setdefault(chat_id, asyncio.Lock())
        async with lock:
            while task_ids := self._tasks.list_group_ids(chat_id):
                await self._tasks.wait(task_ids[-1])
            try:
                await self._continue_chat(delegation, text)
            except HttpError as error:
                log.warning("the result of subagent %s is dropped: %s", delegation.id, error.detail)

    async def _continue_chat(self, delegation: Delegation, text: str) -> None:
        """Ask the model of the chat what to do with a result. Nothing happens where the chat or its owner is gone.

        Raises:
            HttpError: the turn is not possible.
        """
        turn = delegation.turn
        chat = await turn_store.find_chat_document(self._db, turn.request.chat_id)
        user = await users.find_user(self._db, turn.user.id)
        is_owner = chat is not None and chat.user_id == turn.user.id
        if chat is None or user is None or not is_owner or user.role not in ("admin", "user"):
            return
        if self._start_turn is None:
            return
        document = await Document.load(self._db, chat.chat)
        question_id, answer_id = str(uuid.uuid4()), str(uuid.uuid4())
        parent_id = await document.run(_find_parent_id, document)
        question: Json = {
            "id": question_id,
            "parentId": parent_id,
            "childrenIds": [answer_id],
            "role": "user",
            "content": text,
            "model": turn.model.id,
            "models": [turn.model.id],
            "meta": {
                "internal": True,
                "type": "subagent",
                "delegation_id": delegation.id,
                "subagent_chat_id": delegation.chat_id,
            },
        }
        body = turn.request.body
        system = [{"role": "system", "content": turn.request_prompt}] if turn.request_prompt else []
        request = parse_turn_request(
            {
                **{name: body[name] for name in _SHARED_FIELDS if body.get(name) is not None},
                "model": turn.model.id,
                "messages": [*system, {"role": "user", "content": text}],
                "stream": True,
                "chat_id": turn.request.chat_id,
                "id": answer_id,
                "parent_id": parent_id,
                "user_message": question,
                "session_id": turn.request.session_id,
                "background_tasks": {},
            }
        )
        await self._start_turn(request, turn.ctx)
        reload = {"type": "chat:reload"}
        await self._bus.publish(TurnEvent(turn.user.id, turn.request.chat_id, answer_id, reload))


def _find_parent_id(document: Document) -> str | None:
    """Return the last finished answer of the branch that the page shows."""
    for message in walk_to_root(document.opening_message_id, document.find_message):
        if message.get("role") == "assistant" and message.get("done") is not False:
            return str(message["id"])
    return document.current_id


def _describe_result(delegation: Delegation, status: str, result: str, seconds: float) -> str:
    lines = [
        f"[ASYNC SUBAGENT COMPLETE - {delegation.id}]",
        "A subagent that you left in the background has finished. Use its result, or go on without it.",
        "",
        f"Original task: {delegation.task}",
        *([f"Context provided: {delegation.context}"] if delegation.context else []),
        f"Subagent chat: {delegation.chat_id}",
        f"Status: {status}   Duration: {seconds:.1f}s",
        "--- RESULT ---",
        result,
    ]
    return "\n".join(lines)
