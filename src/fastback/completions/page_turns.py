"""Turns in chats, of the page and of API clients: put the question into the chat, run a task for each answer, list and
stop these tasks.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import Any, TypeVar

import msgspec
from starlette.responses import Response

from fastback.access.identity import User
from fastback.completions.question_placement import QuestionPlacement
from fastback.completions.sinks.page import PageServices, PageSink
from fastback.completions.sinks.stored_relay import StoredRelaySink
from fastback.completions.stages.admission import Admission
from fastback.completions.tasks.generations import Generations
from fastback.completions.turn import Turn
from fastback.completions.turn_pipeline import TurnPipeline
from fastback.completions.turn_request import AnswerSlot, TurnRequest
from fastback.features.chats.chat_ids import is_stored
from fastback.features.chats.messages import answer_store, left_over_answers
from fastback.features.chats.messages.answer_recovery import LeftOverAnswers
from fastback.features.chats.turn_events import TurnEvent
from fastback.kit.db import Database
from fastback.providers.model import Model
from fastback.providers.request_context import RequestContext

S = TypeVar("S", bound=PageSink)


class StartedTurns(msgspec.Struct):
    """The response to the page's request: the answers follow as socket messages."""

    status: bool
    task_ids: list[str]
    chat_id: str


class PageTurns:
    """Start the turns of the page, and keep track of the tasks that run them."""

    def __init__(
        self,
        *,
        db: Database,
        pipeline: TurnPipeline,
        services: PageServices,
        admission: Admission,
        placement: QuestionPlacement,
        generations: Generations,
        left_over: LeftOverAnswers,
    ) -> None:
        self._db = db
        self._pipeline = pipeline
        self._services = services
        self._admission = admission
        self._placement = placement
        self._generations = generations
        self._left_over = left_over

    # -- starting --------------------------------------------------------------------------------------------------

    async def start(self, request: TurnRequest, ctx: RequestContext) -> StartedTurns:
        """Put the question and empty messages for its answers into the chat, and start a task for each answer.

        Raises:
            HttpError: the request is not possible; nothing was written.
        """
        sinks = await self._start_turns(request, ctx, PageSink)
        return StartedTurns(True, list(sinks), request.chat_id)

    async def start_relayed(self, request: TurnRequest, ctx: RequestContext) -> Response:
        """Put the question and an empty message for its answer into the chat, and return the response that relays it.

        Of several answers that the request names the first one is written. In a new chat it needs no id.

        Raises:
            HttpError: the request is not possible, and nothing was written; or the turn failed before the answer began.
        """
        request.slots = request.slots[:1]
        if request.is_new and request.slots[0].message_id is None:
            request.slots[0].message_id = str(uuid.uuid4())
        (sink,) = (await self._start_turns(request, ctx, StoredRelaySink)).values()
        return await sink.get_response()

    async def _start_turns(self, request: TurnRequest, ctx: RequestContext, create_sink: type[S]) -> dict[str, S]:
        """Start a task for each answer, and return the sinks by the ids of the tasks."""
        user = ctx.requester
        ctx = _add_chat(ctx, request)
        model = await self._admission.require_model(request.model_id, user)
        slots = [slot for slot in request.slots if slot.message_id]
        self._admission.require_free_slots(user, len(slots))
        models = {slot.model_id: await self._admit(slot.model_id, model, user) for slot in slots}
        task_ids = {str(slot.message_id): str(uuid.uuid4()) for slot in slots}
        folder_id = await self._placement.place_question(request, user, task_ids)
        sinks: dict[str, S] = {}
        for number, slot in enumerate(slots):
            message_id = str(slot.message_id)
            task_id = task_ids[message_id]
            sink = create_sink(
                self._services, request=request, user=user, message_id=message_id, folder_id=folder_id, task_id=task_id
            )
            turn = Turn(
                request=request,
                ctx=msgspec.structs.replace(ctx, message_id=message_id),
                sink=sink,
                in_chat=True,
                message_id=message_id,
                generations=_select_generations(request, is_first=number == 0),
                admitted_model=models[slot.model_id],
            )
            self._start_task(turn, task_id)
            sinks[task_id] = sink
        if slots:
            await self._show_active(request, user, slots[0], folder_id)
            if request.is_new and "title_generation" in request.tasks:
                message_id = str(slots[0].message_id)
                title_ctx = msgspec.structs.replace(ctx, message_id=message_id)
                self._generate_title_soon(request, title_ctx, models[slots[0].model_id])
        return sinks

    async def run_subagent(self, request: TurnRequest, ctx: RequestContext, *, model: Model, max_rounds: int) -> None:
        """Write the answer of a subagent into its chat, and return once it has ended in any way.

        Where the caller is cancelled, so is the answer.
        """
        await self._run_answer(request, ctx, model=model, folder_id=None, is_internal=True, max_rounds=max_rounds)

    async def run_placed(
        self, request: TurnRequest, ctx: RequestContext, *, model: Model, folder_id: str | None
    ) -> bool:
        """Write the answer to a question that is in the chat already; return whether it was not stopped.

        Where the caller is cancelled, so is the answer.
        """
        await self._show_active(request, ctx.requester, request.slots[0], folder_id)
        ctx = msgspec.structs.replace(_add_chat(ctx, request), message_id=str(request.slots[0].message_id))
        return await self._run_answer(request, ctx, model=model, folder_id=folder_id)

    async def _run_answer(
        self,
        request: TurnRequest,
        ctx: RequestContext,
        *,
        model: Model,
        folder_id: str | None,
        is_internal: bool = False,
        max_rounds: int | None = None,
    ) -> bool:
        message_id, task_id = str(request.slots[0].message_id), str(uuid.uuid4())
        sink = PageSink(
            self._services,
            request=request,
            user=ctx.requester,
            message_id=message_id,
            folder_id=folder_id,
            task_id=task_id,
        )
        turn = Turn(
            request=request,
            ctx=ctx,
            sink=sink,
            in_chat=True,
            is_internal=is_internal,
            message_id=message_id,
            admitted_model=model,
            max_tool_rounds=max_rounds,
        )
        self._start_task(turn, task_id)
        try:
            await self._services.tasks.wait(task_id)
        except asyncio.CancelledError:
            await self._services.tasks.stop(task_id)
            raise
        return not sink.is_cancelled

    async def _admit(self, model_id: str, admitted: Model, user: User) -> Model:
        return admitted if model_id == admitted.id else await self._admission.require_model(model_id, user)

    def _start_task(self, turn: Turn, task_id: str) -> None:
        self._services.tasks.start(
            self._pipeline.run(turn), group=turn.request.chat_id, task_id=task_id, owner_id=turn.user.id
        )

    async def _show_active(self, request: TurnRequest, user: User, slot: AnswerSlot, folder_id: str | None) -> None:
        """Show in every list that an answer is being written in the chat."""
        message = {"type": "chat:active", "data": {"active": True, "folder_id": folder_id}}
        shared = message if is_stored(request.chat_id) else None
        event = TurnEvent(user.id, request.chat_id, slot.message_id, message, request.session_id, shared)
        await self._services.bus.publish(event)

    def _generate_title_soon(self, request: TurnRequest, ctx: RequestContext, model: Model) -> None:
        """Name a new chat in the background, by its question alone: the page shows the title before the answer ends."""

        async def emit(kind: str, data: Any) -> None:
            message = {"type": kind, "data": data}
            event = TurnEvent(ctx.requester.id, request.chat_id, ctx.message_id, message, request.session_id)
            await self._services.bus.publish(event)

        question = {"role": "user", "content": request.user_message.get("content") or ""}
        asks_model = bool(request.tasks.get("title_generation"))
        self._services.tasks.run_in_background(
            self._generations.generate_title(request.chat_id, [question], model.id, ctx, emit, asks_model=asks_model)
        )

    # -- running tasks ---------------------------------------------------------------------------------------------

    def list_task_ids(self, chat_id: str, user: User) -> list[str]:
        """Return the ids of a user's own tasks in a chat, oldest first."""
        tasks = self._services.tasks
        return [task_id for task_id in tasks.list_group_ids(chat_id) if tasks.find_owner_id(task_id) == user.id]

    async def stop_tasks_of_user(self, user_id: str) -> None:
        """Stop everything that runs for a user who was deleted."""
        for task_id in self._services.tasks.list_owned_ids(user_id):
            await self._services.tasks.stop(task_id)

    async def is_socket_of(self, session_id: str, user: User) -> bool:
        """Return whether a socket belongs to a user."""
        return await self._services.watchers.find_user_id(session_id) == user.id

    async def finish_left_over_answers(self, chat_id: str, user: User) -> bool:
        """Mark a user's unfinished answers that no task writes any more as done; return whether there were any."""
        has_finished = False
        answer_ids = await answer_store.list_unfinished_ids_of_user(self._db, chat_id, user.id)
        for answer_id in await self._left_over.select_unwritten(answer_ids) or ():
            message_id = answer_id.message_id
            message = await left_over_answers.finish_answer(self._db, answer_id, {})
            if message is None:
                continue
            has_finished = True
            done = {"type": "chat:completion", "data": {"done": True, "output": message.get("output")}}
            for socket_message in (done, {"type": "chat:tasks:cancel"}):
                await self._services.bus.publish(TurnEvent(user.id, chat_id, message_id, socket_message))
        return has_finished


def _add_chat(ctx: RequestContext, request: TurnRequest) -> RequestContext:
    """Return the request context with the chat and the question."""
    question = request.user_message
    return msgspec.structs.replace(
        ctx,
        chat_id=request.chat_id,
        user_message_id=str(question.get("id") or ""),
        user_message_parent_id=str(question.get("parentId") or ""),
        continues=request.assistant_message_id is not None,
    )


def _select_generations(request: TurnRequest, *, is_first: bool) -> dict[str, Any]:
    """Return what one answer of several generates: titles and tags are for the first; a new chat is named at once."""
    generations = dict(request.tasks)
    if request.is_new or not is_first:
        generations.pop("title_generation", None)
    if not is_first:
        generations.pop("tags_generation", None)
    return generations
