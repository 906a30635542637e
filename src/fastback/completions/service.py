"""Starting turns: who may, where the answers go, one running task for each."""

from __future__ import annotations

import logging
import time
import uuid
from typing import Any

import msgspec

from fastback import messages
from fastback.access.identity import User
from fastback.access.permissions import Permissions, is_granted
from fastback.completions import request as requests
from fastback.completions.request import TurnRequest
from fastback.completions.turn import Turn, TurnServices
from fastback.features.chats import access
from fastback.features.chats.chat_ids import is_stored
from fastback.features.chats.events import ChatWritten
from fastback.features.chats.messages import store as message_store
from fastback.features.chats.messages import turn_store
from fastback.features.chats.turn_events import TurnEvent
from fastback.features.files import chat_file_store
from fastback.features.files.access import FileAccess
from fastback.kit.http.errors import BadRequest, Forbidden, NotFound
from fastback.providers import model_resolution
from fastback.providers.registry import Model, ModelRegistry
from fastback.providers.request_context import RequestContext

log = logging.getLogger("fastback.completions")


class Started(msgspec.Struct):
    """What the page is answered: the answers come by events."""

    status: bool
    task_ids: list[str]
    chat_id: str


class Completions:
    """Starts turns for the page, prepares answers for API clients."""

    def __init__(
        self,
        *,
        services: TurnServices,
        registry: ModelRegistry,
        permissions: Permissions,
        rights: access.ChatAccess,
        files: FileAccess,
        alone: bool,
    ) -> None:
        """`alone`: no other process writes answers into this database."""
        self.services = services
        self.registry = registry
        self._permissions = permissions
        self._rights = rights
        self._files = files
        self._alone = alone
        #: Who started a running task, by its id.
        self._asker_of: dict[str, str] = {}

    async def model(self, model_id: str, user: User) -> Model:
        """Raises: BadRequest for an unknown model, and for one the user may not use."""
        model = await self.registry.find(model_id)
        if model is None:
            raise BadRequest("Model not found")
        replaced = await self.services.context.fallback(model) is not None
        try:
            await self.registry.check_access(user, model, without_base=replaced)
        except Forbidden as error:
            raise BadRequest(error.detail) from error
        return model

    async def openai_model(self, model_id: str, user: User) -> Model | None:
        """The model of an OpenAI-compatible server behind a name; None where no such server has it.

        Raises:
            Forbidden: the user may not use it, or must not learn whether there is one.
        """
        model = await self.registry.find(model_id)
        if model is None:
            if not user.is_admin:
                raise Forbidden("Model not found")
            return None
        await self.registry.check_access(user, model)
        target = await model_resolution.at_server(self.registry, model)
        return target if target is not None and target.owned_by == "openai" else None

    def running(self, chat_id: str, user: User) -> list[str]:
        """Ids of a user's own tasks in a chat, oldest first."""
        return [
            one for one in self.services.tasks.list_group_ids(chat_id) if self._asker_of.get(one, user.id) == user.id
        ]

    async def end_of(self, user_id: str) -> None:
        """Stop everything that runs for a user, who is gone."""
        for task_id in [one for one, asker in self._asker_of.items() if asker == user_id]:
            await self.services.tasks.stop(task_id)

    def owns_session(self, session_id: str, user: User) -> bool:
        """Whether a socket is this user's."""
        return self.services.watchers.find_user_id(session_id) == user.id

    async def finish_left_over(self, chat_id: str, user: User) -> bool:
        """Mark a user's answers as done that nobody writes any more; whether there were any."""
        if not self._alone:
            return False  # another process may be writing them
        left = await message_store.list_unfinished_answers(self.services.db, chat_id, user.id)
        for message_id, output in left:
            patch: dict[str, Any] = {"done": True}
            if output is not None:
                patch["output"] = [_rejected(item) for item in output]
            await turn_store.save_message(self.services.db, chat_id, message_id, patch, touch=False)
            done = {"type": "chat:completion", "data": {"done": True, "output": patch.get("output")}}
            for data in (done, {"type": "chat:tasks:cancel"}):
                await self.services.bus.publish(TurnEvent(user.id, chat_id, message_id, data))
        return bool(left)

    async def may_write(self, chat_id: str, user: User) -> bool:
        """Whether a user may put answers into a chat."""
        return await self._rights.is_allowed(chat_id, user, "write")

    def read(self, body: dict[str, Any]) -> TurnRequest:
        return requests.read(body, str(uuid.uuid4()))

    async def start(self, request: TurnRequest, ctx: RequestContext) -> Started:
        """Put question and answers into the chat and start a task for each answer.

        Raises:
            HttpError: what the request asks cannot be done; nothing was written.
        """
        user = ctx.asker
        ctx = _in_chat(ctx, request)
        model = await self.model(request.model_id, user)
        places = [place for place in request.places if place.message_id]
        models = {place.model_id: await self._model_of(place.model_id, model, user) for place in places}
        task_ids = {str(place.message_id): str(uuid.uuid4()) for place in places}
        folder_id = request.folder_id
        if is_stored(request.chat_id):
            if request.is_new:
                await self._new_chat(request, user, task_ids)
            else:
                folder_id = await self._existing_chat(request, user, task_ids)
            if file_ids := chat_file_store.list_file_ids(request.user_message):
                question_id = str(request.user_message.get("id") or "")
                await chat_file_store.attach_files(
                    self.services.db, self._files, request.chat_id, question_id, file_ids, user
                )
        elif request.chat_id.startswith("channel:"):
            raise NotFound(messages.NOT_FOUND)
        started = []
        for number, place in enumerate(places):
            turn = Turn(
                request=request,
                model=models[place.model_id],
                ctx=msgspec.structs.replace(ctx, message_id=str(place.message_id)),
                message_id=str(place.message_id),
                folder_id=folder_id,
                tasks_wanted=self._tasks_of(request, first=number == 0),
                services=self.services,
            )
            turn.task_id = task_ids[str(place.message_id)]
            self._asker_of[turn.task_id] = user.id
            self.services.tasks.start(
                turn.run(), group=request.chat_id, task_id=turn.task_id, on_end=self._forget_asker
            )
            started.append(turn.task_id)
        if places:
            active = {"type": "chat:active", "data": {"active": True, "folder_id": folder_id}}
            await self._tell(request, user, places[0].message_id, active, shared=is_stored(request.chat_id))
            if request.is_new and "title_generation" in request.tasks:
                self._title_soon(request, ctx, models[places[0].model_id], str(places[0].message_id))
        return Started(True, started, request.chat_id)

    async def _model_of(self, model_id: str, first: Model, user: User) -> Model:
        return first if model_id == first.id else await self.model(model_id, user)

    @staticmethod
    def _tasks_of(request: TurnRequest, *, first: bool) -> dict[str, Any]:
        """The tasks after an answer: titles and tags are the first model's; a new chat is named at once."""
        found = dict(request.tasks)
        if request.is_new or not first:
            found.pop("title_generation", None)
        if not first:
            found.pop("tags_generation", None)
        return found

    def _forget_asker(self, task_id: str) -> None:
        self._asker_of.pop(task_id, None)

    def _title_soon(self, request: TurnRequest, ctx: RequestContext, model: Model, message_id: str) -> None:
        user = ctx.asker

        async def emit(kind: str, data: Any) -> None:
            await self._tell(request, user, message_id, {"type": kind, "data": data})

        question = {"role": "user", "content": request.user_message.get("content") or ""}
        ask = bool(request.tasks.get("title_generation"))
        self.services.tasks.run_in_background(
            self.services.follow_ups.title(request.chat_id, [question], model.id, ctx, emit, ask=ask)
        )

    async def _tell(
        self, request: TurnRequest, user: User, message_id: str | None, event: dict[str, Any], *, shared: bool = False
    ) -> None:
        await self.services.bus.publish(
            TurnEvent(user.id, request.chat_id, message_id, event, request.session_id, event if shared else None)
        )

    async def _new_chat(self, request: TurnRequest, user: User, task_ids: dict[str, str]) -> None:
        await self._may_keep_chats(user)
        if request.folder_id is not None and not await self._rights.may_write_folder(request.folder_id, user):
            raise NotFound(messages.NOT_FOUND)
        document = _new_document(request, user, task_ids)
        await turn_store.insert_chat(
            self.services.db,
            chat_id=request.chat_id,
            user_id=user.id,
            document=document,
            folder_id=request.folder_id,
            variables=request.chat_variables,
        )
        await self._listed(request, user, request.folder_id)

    async def _may_keep_chats(self, user: User) -> None:
        if user.is_admin:
            return
        tree = await self._permissions.get_tree(user.id)
        if is_granted(tree, "chat.temporary") and is_granted(tree, "chat.temporary_enforced"):
            raise Forbidden(messages.ACCESS_PROHIBITED)

    async def _existing_chat(self, request: TurnRequest, user: User, task_ids: dict[str, str]) -> str | None:
        head = await turn_store.find_chat(self.services.db, request.chat_id)
        if head is None or not await self._rights.is_allowed(head.id, user, "write"):
            raise NotFound(messages.NOT_FOUND)
        if request.assistant_message_id:
            await self._check_continued(request, user, head.user_id)
            for message_id, task_id in task_ids.items():
                patch = {"meta": {"task_id": task_id}}
                await turn_store.save_message(self.services.db, request.chat_id, message_id, patch, touch=False)
            return head.folder_id
        if head.user_id != user.id:
            request.tasks.pop("title_generation", None)
            request.tasks.pop("tags_generation", None)
        if request.chat_variables is None:
            request.chat_variables = head.variables or {}
        chosen = request.user_message.get("models") or [place.model_id for place in request.places]
        turn = await turn_store.insert_turn(
            self.services.db,
            chat_id=request.chat_id,
            user_id=user.id,
            user_name=user.name,
            user_message=request.user_message,
            answers=[place.as_dict() for place in request.places],
            task_ids=task_ids,
            models=chosen,
            files=request.files,
            variables=request.chat_variables,
        )
        shown = {
            message_id: {key: value for key, value in message.items() if key != "meta"}
            for message_id, message in turn.messages.items()
        }
        event = {"type": "chat:messages", "data": {"messages": shown, "currentId": turn.current_id}}
        await self.services.bus.publish(
            TurnEvent(user.id, request.chat_id, turn.current_id, event, request.session_id, event, only_shared=True)
        )
        await self._listed(request, user, head.folder_id)
        return head.folder_id

    async def _check_continued(self, request: TurnRequest, user: User, owner_id: str) -> None:
        message = await turn_store.find_message(self.services.db, request.chat_id, request.assistant_message_id or "")
        if message is None or (message.get("user_id") or owner_id) != user.id:
            raise Forbidden(messages.ACCESS_PROHIBITED)
        if any(place.message_id != request.assistant_message_id for place in request.places):
            raise BadRequest("Invalid response ID.")

    async def _listed(self, request: TurnRequest, user: User, folder_id: str | None) -> None:
        message_id = request.user_message.get("id")
        event = {"type": "chat:list", "data": {"chat_id": request.chat_id, "folder_id": folder_id}}
        await self._tell(request, user, message_id, event)
        await self.services.bus.publish(ChatWritten(request.chat_id, user.id))


def _rejected(item: dict[str, Any]) -> dict[str, Any]:
    """A call of a tool that waits for leave does so in vain once the answer is stopped."""
    if item.get("type") != "function_call" or item.get("status") not in ("pending", "queued", "requires_approval"):
        return item
    return {**{key: value for key, value in item.items() if key != "approved"}, "status": "rejected"}


def _in_chat(ctx: RequestContext, request: TurnRequest) -> RequestContext:
    """The circumstances with the chat that is asked in."""
    question = request.user_message
    return msgspec.structs.replace(
        ctx,
        chat_id=request.chat_id,
        user_message_id=str(question.get("id") or ""),
        user_message_parent_id=str(question.get("parentId") or ""),
        continues=request.assistant_message_id is not None,
    )


def _new_document(request: TurnRequest, user: User, task_ids: dict[str, str]) -> dict[str, Any]:
    """The document of a new chat with its first question and the places of its answers."""
    question = dict(request.user_message)
    question_id = question.get("id")
    answers = [place for place in request.places if place.message_id]
    found: dict[str, Any] = {}
    if question_id:
        question["childrenIds"] = [place.message_id for place in answers]
        question["user_id"] = user.id
        question["user"] = {"id": user.id, "name": user.name}
        found[question_id] = question
    for place in answers:
        answer: dict[str, Any] = {
            "id": place.message_id,
            "parentId": question_id,
            "childrenIds": [],
            "role": "assistant",
            "content": "",
            "done": False,
            "model": place.model_id,
            "timestamp": int(time.time()),
        }
        if place.model_index is not None:
            answer["modelIdx"] = place.model_index
        answer["meta"] = {"task_id": task_ids[str(place.message_id)]}
        found[str(place.message_id)] = answer
    shown = {"role": "user", "content": question.get("content", "")}
    return {
        "id": request.chat_id,
        "title": "New Chat",
        "models": [place.model_id for place in request.places],
        "history": {"currentId": answers[0].message_id if answers else question_id, "messages": found},
        "messages": [{**shown, "user_id": user.id, "user": {"id": user.id, "name": user.name}}] if question_id else [],
        "files": request.files or [],
        "tags": [],
        "timestamp": int(time.time() * 1000),
    }
