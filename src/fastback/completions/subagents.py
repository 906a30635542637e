"""Subagents: a model gives a part of its work to another turn, which has a chat of its own that no list shows.

The turn asks the same model with the same tools, from the beginning: it knows what its task says, and nothing of the
conversation. Its chat belongs to the chat that started it (`meta.parent_chat_id`), and is deleted with it.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from fastback.completions.answer_output import output_text
from fastback.completions.turn import Turn
from fastback.completions.turn_request import TurnRequest, parse_turn_request
from fastback.config import Config
from fastback.config.keys.chat import (
    SUBAGENTS_MAX_CONCURRENT,
    SUBAGENTS_MAX_ITERATIONS,
    SUBAGENTS_MAX_OUTPUT,
    SUBAGENTS_SYSTEM_PROMPT,
)
from fastback.config.keys.code import CODE_INTERPRETER_ENGINE
from fastback.features.chats.messages import turn_store
from fastback.features.chats.messages.turn_placement import build_empty_answer
from fastback.kit.db import Database
from fastback.providers.request_context import RequestContext

Json = dict[str, Any]

_SYSTEM_PROMPT = """\
You are a subagent: a lead agent has given you one task. You have its tools, and may use them for whatever the task
needs; leave everything else alone.

End with a short report for the lead agent: what you did, what you changed, and what is open or went wrong."""
_TITLE_LENGTH = 60
#: Fields of the request that the subagent's turn has, too.
_SHARED_FIELDS = ("tool_ids", "skill_ids", "filter_ids", "tool_servers", "terminal_id", "features", "variables")

RunTurn = Callable[..., Awaitable[None]]


class SubagentFailed(Exception):
    """A subagent could not start or finish its task; the text is for the model."""


class Delegation(msgspec.Struct):
    """A task for a subagent: the turn that gives it, and the request that the subagent answers."""

    id: str
    turn: Turn
    task: str
    context: str
    request: TurnRequest
    mode: str

    @property
    def chat_id(self) -> str:
        """The chat of the subagent."""
        return self.request.chat_id


class Subagents:
    """Run subagents, a limited number at a time."""

    def __init__(self, db: Database, config: Config) -> None:
        self._db = db
        self._config = config
        self._run_turn: RunTurn | None = None
        self._running_count = 0
        self._has_ended = asyncio.Condition()

    def connect(self, run_turn: RunTurn) -> None:
        """Use this function: `run_turn(request, ctx, model=…, max_rounds=…)` returns once the turn has ended."""
        self._run_turn = run_turn

    def prepare(self, turn: Turn, task: str, context: str, file_ids: list[str], *, mode: str) -> Delegation:
        """Return a delegation that has not begun; `mode` is `foreground` or `background`.

        Raises:
            SubagentFailed: there is no task, or a file is not attached to the question.
        """
        task = task.strip()
        if not task:
            raise SubagentFailed("task must not be empty.")
        files = _select_files(turn, file_ids)
        request = self._build_request(turn, f"{task}\n\n## Context\n{context}" if context else task, files)
        if mode == "background":  # the page may be gone
            request.body.pop("tool_servers", None)
            if self._config.get_text(CODE_INTERPRETER_ENGINE) != "jupyter":
                request.body["features"] = {**request.features, "code_interpreter": False}
        return Delegation(
            id=f"deleg_{uuid.uuid4().hex[:8]}",
            turn=turn,
            task=task,
            context=context,
            request=request,
            mode=mode,
        )

    async def delegate(self, delegation: Delegation) -> str:
        """Have a subagent do a task once there is place for it, and return its answer.

        Raises:
            SubagentFailed: the turn failed.
        """
        async with self._take_place():
            return await self.run(delegation)

    async def run(self, delegation: Delegation) -> str:
        """Like `delegate`, at once."""
        if self._run_turn is None:
            raise SubagentFailed("sub-agents are not available.")
        turn, request = delegation.turn, delegation.request
        await self._insert_chat(delegation)
        max_rounds = self._get_limit(SUBAGENTS_MAX_ITERATIONS, 30)
        await self._run_turn(request, _build_context(turn, request), model=turn.model, max_rounds=max_rounds)
        return await self.read_answer(request.chat_id, str(request.slots[0].message_id))

    def _get_limit(self, key: Any, default: int) -> int:
        value = self._config.get_number(key)
        return int(value) if value else default

    @asynccontextmanager
    async def _take_place(self) -> AsyncIterator[None]:
        """Wait until fewer subagents run than may; -1 is no limit."""
        async with self._has_ended:
            await self._has_ended.wait_for(self._has_place)
            self._running_count += 1
        try:
            yield
        finally:
            self._running_count -= 1
            async with self._has_ended:
                self._has_ended.notify_all()

    def _has_place(self) -> bool:
        limit = self._get_limit(SUBAGENTS_MAX_CONCURRENT, 20)
        return limit == -1 or self._running_count < max(1, limit)

    # -- the chat --------------------------------------------------------------------------------------------------

    def _build_request(self, turn: Turn, prompt: str, files: list[Json]) -> TurnRequest:
        body = turn.request.body
        question_id, answer_id = str(uuid.uuid4()), str(uuid.uuid4())
        question: Json = {
            "id": question_id,
            "parentId": None,
            "childrenIds": [answer_id],
            "role": "user",
            "content": prompt,
            "timestamp": int(time.time()),
            "models": [turn.model.id],
            **({"files": files} if files else {}),
        }
        own_prompt = self._config.get_text(SUBAGENTS_SYSTEM_PROMPT).strip() or _SYSTEM_PROMPT
        system_prompt = "\n".join(text for text in (turn.request_prompt, own_prompt) if text)
        return parse_turn_request(
            {
                **{name: body[name] for name in _SHARED_FIELDS if body.get(name) is not None},
                "model": turn.model.id,
                "messages": [{"role": "system", "content": system_prompt}, {"role": "user", "content": prompt}],
                "stream": True,
                "chat_id": str(uuid.uuid4()),
                "id": answer_id,
                "parent_id": None,
                "user_message": question,
                "session_id": turn.request.session_id,
                "background_tasks": {},
                "files": files,
                "chat_variables": turn.request.chat_variables,
                "folder_id": turn.location.folder_id,
            }
        )

    async def _insert_chat(self, delegation: Delegation) -> None:
        turn, request = delegation.turn, delegation.request
        question, answer_id = request.user_message, str(request.slots[0].message_id)
        answer = build_empty_answer(answer_id, question["id"], turn.model.id)
        document = {
            "id": request.chat_id,
            "title": f"Sub-agent: {delegation.task[:_TITLE_LENGTH]}",
            "models": [turn.model.id],
            "history": {"currentId": answer_id, "messages": {question["id"]: question, answer_id: answer}},
            "messages": [{"role": "user", "content": question["content"]}],
            "files": request.files or [],
        }
        meta = {
            "internal": True,
            "type": "subagent",
            "parent_chat_id": turn.request.chat_id,
            "parent_message_id": turn.message_id,
            "delegation_id": delegation.id,
            "mode": delegation.mode,
        }
        await turn_store.insert_chat(
            self._db, chat_id=request.chat_id, user_id=turn.user.id, document=document, meta=meta
        )

    async def read_answer(self, chat_id: str, answer_id: str) -> str:
        """Return the stored answer of a subagent.

        Raises:
            SubagentFailed: it has an error, or is gone.
        """
        message = await turn_store.find_message(self._db, chat_id, answer_id)
        if message is None:
            raise SubagentFailed("Sub-agent chat or completion message no longer exists.")
        error = message.get("error")
        if error:
            raise SubagentFailed(str(error.get("content") if isinstance(error, dict) else error))
        return self.get_text(message) or "Sub-agent produced no output."

    def get_text(self, message: Json) -> str:
        """Return the text of an answer, as long as the settings allow."""
        content = message.get("content")
        text = content if isinstance(content, str) and content else output_text(message.get("output") or [])
        limit = self._get_limit(SUBAGENTS_MAX_OUTPUT, 30_000)
        return f"{text[:limit]}\n\n[output truncated]" if len(text) > limit else text


def _build_context(turn: Turn, request: TurnRequest) -> RequestContext:
    """Return the context of the subagent's turn: the user's, with the chat of the subagent."""
    return msgspec.structs.replace(
        turn.ctx,
        chat_id=request.chat_id,
        message_id=str(request.slots[0].message_id),
        user_message_id=str(request.user_message["id"]),
        user_message_parent_id="",
        continues=False,
        plugin_turn_id="",
        plugin_metadata={},
    )


def _select_files(turn: Turn, file_ids: list[str]) -> list[Json]:
    """Return the files of the question with these ids.

    Raises:
        SubagentFailed: one of them is not attached to the question.
    """
    selected: list[Json] = []
    missing_ids = set(file_ids)
    for file in turn.request.files or []:
        if isinstance(file, dict) and (matching_ids := set(file_ids) & _list_ids(file)):
            selected.append(file)
            missing_ids -= matching_ids
    if missing_ids:
        raise SubagentFailed(f"file_ids not attached or unavailable: {', '.join(sorted(missing_ids))}")
    return selected


def _list_ids(file: Json) -> set[str]:
    inner = file.get("file")
    ids = (file.get("id"), file.get("url"), inner.get("id") if isinstance(inner, dict) else None)
    return {str(value) for value in ids if value}
