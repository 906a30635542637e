"""Starting turns: who may, where the answers go, one running task for each."""

from __future__ import annotations

import logging
import time
import uuid
from typing import Any

import msgspec

from fastback import messages
from fastback.access.identity import User
from fastback.access.permissions import Permissions, given
from fastback.completions import request as requests
from fastback.completions.events import TurnEvent
from fastback.completions.request import TurnRequest, is_stored
from fastback.completions.turn import Turn, TurnServices
from fastback.features.chats import access, turns
from fastback.features.chats.events import ChatWritten
from fastback.kit.http.errors import BadRequest, Forbidden, NotFound
from fastback.providers.registry import Model, ModelRegistry

log = logging.getLogger("fastback.completions")


class Started(msgspec.Struct):
    """What the page is answered: the answers come by events."""

    status: bool
    task_ids: list[str]
    chat_id: str


class Completions:
    """Starts turns for the page, prepares answers for API clients."""

    def __init__(
        self, services: TurnServices, registry: ModelRegistry, permissions: Permissions, rights: access.ChatAccess
    ) -> None:
        self.services = services
        self.registry = registry
        self._permissions = permissions
        self._rights = rights

    async def model(self, model_id: str, user: User) -> Model:
        """Raises: BadRequest for an unknown model, Forbidden for one the user may not use."""
        model = await self.registry.find(model_id)
        if model is None:
            raise BadRequest("Model not found")
        replaced = await self.services.context.fallback(model) is not None
        await self.registry.check_access(user, model, without_base=replaced)
        return model

    async def may_write(self, chat_id: str, user: User) -> bool:
        """Whether a user may put answers into a chat."""
        return await self._rights.may(chat_id, user, "write")

    def read(self, body: dict[str, Any]) -> TurnRequest:
        return requests.read(body, str(uuid.uuid4()))

    async def start(self, request: TurnRequest, user: User) -> Started:
        """Put question and answers into the chat and start a task for each answer.

        Raises:
            HttpError: what the request asks cannot be done; nothing was written.
        """
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
        elif request.chat_id.startswith("channel:"):
            raise NotFound(messages.NOT_FOUND)
        started = []
        for number, place in enumerate(places):
            turn = Turn(
                request,
                models[place.model_id],
                user,
                str(place.message_id),
                folder_id=folder_id,
                tasks_wanted=self._tasks_of(request, first=number == 0),
                services=self.services,
            )
            turn.task_id = task_ids[str(place.message_id)]
            self.services.tasks.start(turn.run(), group=request.chat_id, task_id=turn.task_id)
            started.append(turn.task_id)
        if places:
            active = {"type": "chat:active", "data": {"active": True, "folder_id": folder_id}}
            await self._tell(request, user, places[0].message_id, active, shared=is_stored(request.chat_id))
            if request.is_new and "title_generation" in request.tasks:
                self._title_soon(request, user, models[places[0].model_id], str(places[0].message_id))
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

    def _title_soon(self, request: TurnRequest, user: User, model: Model, message_id: str) -> None:
        async def emit(kind: str, data: Any) -> None:
            await self._tell(request, user, message_id, {"type": kind, "data": data})

        question = {"role": "user", "content": request.user_message.get("content") or ""}
        ask = bool(request.tasks.get("title_generation"))
        self.services.tasks.background(
            self.services.follow_ups.title(request.chat_id, [question], model.id, user, emit, ask=ask)
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
        await turns.insert_chat(
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
        tree = await self._permissions.of(user.id)
        if given(tree, "chat.temporary") and given(tree, "chat.temporary_enforced"):
            raise Forbidden(messages.ACCESS_PROHIBITED)

    async def _existing_chat(self, request: TurnRequest, user: User, task_ids: dict[str, str]) -> str | None:
        head = await turns.head(self.services.db, request.chat_id)
        if head is None or not await self._rights.may(head.id, user, "write"):
            raise NotFound(messages.NOT_FOUND)
        if request.assistant_message_id:
            await self._check_continued(request, user, head.user_id)
            for message_id, task_id in task_ids.items():
                patch = {"meta": {"task_id": task_id}}
                await turns.save_message(self.services.db, request.chat_id, message_id, patch, touch=False)
            return head.folder_id
        if head.user_id != user.id:
            request.tasks.pop("title_generation", None)
            request.tasks.pop("tags_generation", None)
        if request.chat_variables is None:
            request.chat_variables = head.variables or {}
        chosen = request.user_message.get("models") or [place.model_id for place in request.places]
        turn = await turns.insert_turn(
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
        message = await turns.message(self.services.db, request.chat_id, request.assistant_message_id or "")
        if message is None or (message.get("user_id") or owner_id) != user.id:
            raise Forbidden(messages.ACCESS_PROHIBITED)
        if any(place.message_id != request.assistant_message_id for place in request.places):
            raise BadRequest("Invalid response ID.")

    async def _listed(self, request: TurnRequest, user: User, folder_id: str | None) -> None:
        message_id = request.user_message.get("id")
        event = {"type": "chat:list", "data": {"chat_id": request.chat_id, "folder_id": folder_id}}
        await self._tell(request, user, message_id, event)
        await self.services.bus.publish(ChatWritten(request.chat_id, user.id))


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
