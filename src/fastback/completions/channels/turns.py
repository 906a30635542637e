"""Turns in channels: each model that a message mentions answers it, in a message of its own."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from fastback import messages
from fastback.access.identity import User
from fastback.completions.channels.conversation import build_conversation
from fastback.completions.failures import describe_failure
from fastback.completions.model_defaults import list_model_defaults
from fastback.completions.page_turns import StartedTurns
from fastback.completions.sinks.channel import ChannelServices, ChannelSink
from fastback.completions.stages.admission import Admission
from fastback.completions.turn import Turn
from fastback.completions.turn_pipeline import TurnPipeline
from fastback.completions.turn_request import TurnRequest, parse_turn_request
from fastback.config import Config
from fastback.config.keys.features import CHANNELS_MODEL_RESPONSE_MODE
from fastback.features.channels.access import ChannelAccess
from fastback.features.channels.events import ChannelDeleted, MessagePosted, MessageWritten
from fastback.features.channels.mentions import list_mentioned_ids
from fastback.features.channels.messages import store as message_store
from fastback.features.channels.messages.reader import MessageReader
from fastback.features.channels.messages.responses import FullMessage
from fastback.features.channels.messages.schemas import MessageForm
from fastback.features.channels.messages.stored_data import find_model_id
from fastback.features.channels.store import Channel
from fastback.features.chats.chat_ids import CHANNEL, get_channel_id
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http.errors import Forbidden, HttpError
from fastback.providers.model import Model
from fastback.providers.registry import ModelRegistry
from fastback.providers.request_context import RequestContext

log = logging.getLogger("fastback.completions")

Json = dict[str, Any]

#: Models that answer one message, and messages of a thread that they are shown.
MAX_MODELS, THREAD_LENGTH = 10, 50


class RunningAnswer(msgspec.Struct, frozen=True):
    """An answer under way: its message, and the thread of that."""

    message_id: str
    parent_id: str | None
    sink: ChannelSink


class ChannelTurns:
    """Have models answer messages. An answer mentions no model, so models never answer each other."""

    def __init__(
        self,
        *,
        db: Database,
        config: Config,
        registry: ModelRegistry,
        admission: Admission,
        pipeline: TurnPipeline,
        services: ChannelServices,
        reader: MessageReader,
        access: ChannelAccess,
        bus: Bus,
    ) -> None:
        self._db = db
        self._config = config
        self._registry = registry
        self._admission = admission
        self._pipeline = pipeline
        self._services = services
        self._reader = reader
        self._access = access
        #: The answers that are being written, by the ids of their tasks.
        self._running: dict[str, RunningAnswer] = {}
        bus.subscribe(MessagePosted, self._handle_message)
        bus.subscribe(MessageWritten, self._handle_deletion)
        bus.subscribe(
            ChannelDeleted, lambda event: self._stop_soon(services.tasks.list_group_ids(f"{CHANNEL}{event.channel_id}"))
        )

    def _handle_message(self, event: MessagePosted) -> None:
        """Start the answers of the models that a message mentions, beside its request."""
        if model_ids := list_addressed_models(event.message):
            self._services.tasks.run_in_background(self._answer_message(event, model_ids))

    async def _answer_message(self, event: MessagePosted, model_ids: list[str]) -> None:
        for model_id in model_ids:
            try:
                model = await self._admission.require_model(model_id, event.ctx.requester)
            except HttpError:
                continue  # it does not exist, or the user may not use it
            try:
                await self._start_answer(event, model)
            except HttpError as error:
                log.info("model %s does not answer in channel %s: %s", model_id, event.channel.id, error.detail)

    async def _start_answer(self, event: MessagePosted, model: Model) -> None:
        channel, message, user = event.channel, event.message, event.ctx.requester
        parent_id = self.choose_thread(message)
        thread = await self._load_thread(channel, message)
        answer = await self.post_placeholder(channel, user, model, parent_id)
        async with self.end_on_failure(answer):
            conversation = await build_conversation(
                thread, message, model=model, user=user, reader=self._reader, registry=self._registry
            )
        body: Json = {"messages": conversation.messages}
        if conversation.files:
            body["files"] = conversation.files
        self.start_turn(answer, model, body, event.ctx)

    @asynccontextmanager
    async def end_on_failure(self, answer: FullMessage) -> AsyncIterator[None]:
        """Give an answer whose turn does not start an end, which shows why."""
        try:
            yield
        except Exception as error:
            self._services.answers.own_ids.discard(answer.id)
            text = f"Error: {describe_failure(error)}"
            await self._services.answers.write(answer.channel_id or "", answer.id, text, None, is_done=True)
            raise

    async def _load_thread(self, channel: Channel, message: FullMessage) -> list[message_store.MessageRow]:
        """Return the last messages of the thread of a message, in their order; its first one where they are few."""
        root_id = message.parent_id or message.id
        rows = await message_store.list_replies(self._db, channel.id, root_id, skip=0, limit=THREAD_LENGTH)
        root = await message_store.find_message(self._db, root_id) if len(rows) < THREAD_LENGTH else None
        return [*([root] if root is not None else []), *reversed(rows)]

    async def post_placeholder(
        self, channel: Channel, user: User, model: Model, parent_id: str | None, *, automation_id: str = ""
    ) -> FullMessage:
        """Post the empty message that a model's answer will fill; it belongs to the user who asked.

        `automation_id` is the automation that asks for the user.

        Raises:
            BadRequest: the thread was deleted meanwhile.
        """
        form = MessageForm(content="", data={}, parent_id=parent_id)
        meta = {"model_id": model.id, "model_name": model.name}
        if automation_id:
            meta = {"automation_id": automation_id, **meta}
        answer = await self._services.messages.post_message(channel, user, form, meta=meta, is_answer=True)
        self._services.answers.own_ids.add(answer.id)
        return answer

    def start_turn(self, answer: FullMessage, model: Model, body: Json, ctx: RequestContext) -> str:
        """Start the task that writes a model's answer to a message, and return its id.

        `body` has the messages of the request, and whatever else it has beyond what the model chooses by default.
        """
        chat_id = f"{CHANNEL}{answer.channel_id}"
        request = parse_turn_request(
            {
                **list_model_defaults(model, self._config),
                "stream": True,
                "background_tasks": {},
                **body,
                "model": model.id,
                "chat_id": chat_id,
                "id": answer.id,
                "session_id": chat_id,
            }
        )
        return self._start_task(request, answer, model, ctx)

    async def write_answer(self, answer: FullMessage, model: Model, body: Json, ctx: RequestContext) -> str | None:
        """Have a model write its answer to a message, as `start_turn`; return why it has failed, once it has ended."""
        task_id = self.start_turn(answer, model, body, ctx)
        sink = self._running[task_id].sink
        try:
            await self._services.tasks.wait(task_id)
        except asyncio.CancelledError:
            await self._services.tasks.stop(task_id)
            raise
        return sink.failure

    def choose_thread(self, message: FullMessage) -> str | None:
        """Return the message below which answers to a message go; None for the channel itself."""
        if message.parent_id is None and self._config.get_text(CHANNELS_MODEL_RESPONSE_MODE) != "channel":
            return message.id
        return message.parent_id

    def _start_task(self, request: TurnRequest, answer: FullMessage, model: Model, ctx: RequestContext) -> str:
        user, task_id = ctx.requester, str(uuid.uuid4())
        sink = ChannelSink(
            self._services,
            channel_id=get_channel_id(request.chat_id),
            message_id=answer.id,
            user=user,
            task_id=task_id,
        )
        turn = Turn(
            request=request,
            ctx=msgspec.structs.replace(ctx, chat_id=request.chat_id, message_id=answer.id),
            sink=sink,
            in_chat=True,
            message_id=answer.id,
            admitted_model=model,
        )
        self._running[task_id] = RunningAnswer(answer.id, answer.parent_id, sink)
        self._services.tasks.start(
            self._pipeline.run(turn),
            group=request.chat_id,
            task_id=task_id,
            owner_id=user.id,
            on_end=self._forget_task,
        )
        return task_id

    async def start_request(self, request: TurnRequest, ctx: RequestContext) -> StartedTurns:
        """Start the answers that a request of a client wants written to messages of the user.

        Raises:
            NotFound: there is no such channel or message. Forbidden: the user may not write to the channel, or to a
            message. BadRequest: there is no such model.
        """
        user = ctx.requester
        channel = await self._access.get_permitted_channel(get_channel_id(request.chat_id), user, "write")
        answers: list[tuple[FullMessage, Model]] = []
        for slot in request.slots:
            model = await self._admission.require_model(slot.model_id, user)
            answer = await self._services.messages.load_message(slot.message_id or "")
            if answer.channel_id != channel.id or not (user.is_admin or answer.user_id == user.id):
                raise Forbidden(messages.SOMETHING_WRONG)
            answers.append((answer, model))
        for answer, _ in answers:
            await self._services.answers.begin(channel.id, answer.id)
        task_ids = [self._start_task(request, answer, model, ctx) for answer, model in answers]
        return StartedTurns(True, task_ids, request.chat_id)

    # -- the end ---------------------------------------------------------------------------------------------------

    def lose_all(self) -> None:
        """Stop every answer: other processes have ended them, as they took this one for dead."""
        for answer in self._running.values():
            answer.sink.lose()
        self._stop_soon(list(self._running))

    def _forget_task(self, task_id: str) -> None:
        self._running.pop(task_id, None)

    def _handle_deletion(self, event: MessageWritten) -> None:
        """Stop the answers that were deleted, with their thread or alone."""
        if event.change == "deleted":
            deleted_id = event.message.id
            self._stop_where(lambda answer: deleted_id in (answer.message_id, answer.parent_id))

    def _stop_where(self, is_unwanted: Callable[[RunningAnswer], bool]) -> None:
        self._stop_soon([task_id for task_id, answer in self._running.items() if is_unwanted(answer)])

    def _stop_soon(self, task_ids: list[str]) -> None:
        for task_id in task_ids:
            self._services.tasks.run_in_background(self._stop(task_id))

    async def _stop(self, task_id: str) -> None:
        await self._services.tasks.stop(task_id)


def list_addressed_models(message: FullMessage) -> list[str]:
    """Return the models that a message addresses: the one whose answer it replies to, and those that it mentions."""
    ids = list_mentioned_ids(message.content, "M")
    quoted = message.reply_to_message
    if quoted is not None and (model_id := find_model_id(quoted.meta)) is not None:
        ids = [model_id, *(mentioned_id for mentioned_id in ids if mentioned_id != model_id)]
    return ids[:MAX_MODELS]
