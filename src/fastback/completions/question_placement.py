"""Put a question and empty messages for its answers into the chat, before any model is asked."""

from __future__ import annotations

import time
from typing import Any

from fastback import messages
from fastback.access.identity import User
from fastback.completions.turn_request import TurnRequest
from fastback.features.chats.access import ChatAccess
from fastback.features.chats.chat_ids import is_stored
from fastback.features.chats.events import ChatWritten
from fastback.features.chats.messages import turn_store
from fastback.features.chats.messages.turn_placement import InsertedTurn, build_empty_answer
from fastback.features.chats.service import ChatService
from fastback.features.chats.timers.cancellation import USER_MESSAGE, cancel_timers
from fastback.features.chats.turn_events import TurnEvent
from fastback.features.files import chat_file_store
from fastback.features.files.access import FileAccess
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http.errors import BadRequest, Forbidden, NotFound


class QuestionPlacement:
    """Write questions and unfinished answers; check that the user may."""

    def __init__(
        self, *, db: Database, bus: Bus, chats: ChatService, chat_access: ChatAccess, files: FileAccess
    ) -> None:
        self._db = db
        self._bus = bus
        self._chats = chats
        self._chat_access = chat_access
        self._files = files

    async def place_question(self, request: TurnRequest, user: User, task_ids: dict[str, str]) -> str | None:
        """Write to the chat, and return the id of its folder. `task_ids` has the task of each answer by message id.

        Raises:
            Forbidden, NotFound: the user may not write to the chat.
            HttpError: what the request names does not fit the chat; nothing was written.
        """
        if not is_stored(request.chat_id):
            if request.chat_id.startswith("channel:"):
                raise NotFound(messages.NOT_FOUND)
            return request.folder_id
        folder_id = request.folder_id
        if request.is_new:
            await self._create_chat(request, user, task_ids)
        else:
            folder_id = await self._add_to_chat(request, user, task_ids)
        if file_ids := chat_file_store.list_file_ids(request.user_message):
            question_id = str(request.user_message.get("id") or "")
            await chat_file_store.attach_files(self._db, self._files, request.chat_id, question_id, file_ids, user)
        return folder_id

    async def _create_chat(self, request: TurnRequest, user: User, task_ids: dict[str, str]) -> None:
        await self._chats.require_permanent_chats(user)
        if request.folder_id is not None and not await self._chat_access.may_write_folder(request.folder_id, user):
            raise NotFound(messages.NOT_FOUND)
        await turn_store.insert_chat(
            self._db,
            chat_id=request.chat_id,
            user_id=user.id,
            document=_build_document(request, user, task_ids),
            folder_id=request.folder_id,
            variables=request.chat_variables,
        )
        await self._announce(request, user, request.folder_id)

    async def _add_to_chat(self, request: TurnRequest, user: User, task_ids: dict[str, str]) -> str | None:
        head = await turn_store.find_chat(self._db, request.chat_id)
        if head is None or not await self._chat_access.is_allowed(head.id, user, "write"):
            raise NotFound(messages.NOT_FOUND)
        if request.assistant_message_id:
            await self._require_continued_answer(request, user, head.user_id)
            for message_id, task_id in task_ids.items():
                # Not done, so that the next start finds it where this process ends before the answer does.
                patch = {"meta": {"task_id": task_id}, "done": False}
                await turn_store.save_message(self._db, request.chat_id, message_id, patch, touch=False)
            return head.folder_id
        if head.user_id != user.id:
            # The title and the tags of a chat are its owner's.
            request.tasks.pop("title_generation", None)
            request.tasks.pop("tags_generation", None)
        if request.chat_variables is None:
            request.chat_variables = head.variables or {}
        turn = await turn_store.insert_turn(
            self._db,
            chat_id=request.chat_id,
            user_id=user.id,
            user_name=user.name,
            user_message=request.user_message,
            answers=[slot.as_dict() for slot in request.slots],
            task_ids=task_ids,
            models=request.user_message.get("models") or [slot.model_id for slot in request.slots],
            files=request.files,
            variables=request.chat_variables,
        )
        await self._show_messages(request, user, turn)
        await self._announce(request, user, head.folder_id)
        if not _is_internal(request.user_message):
            await cancel_timers(self._db, request.chat_id, user.id, USER_MESSAGE)
        return head.folder_id

    async def _require_continued_answer(self, request: TurnRequest, user: User, owner_id: str) -> None:
        """Check the answer that the request wants continued.

        Raises:
            Forbidden: the answer is not there, or was not written for the user.
            BadRequest: the request names another message for the answer.
        """
        message = await turn_store.find_message(self._db, request.chat_id, request.assistant_message_id or "")
        if message is None or (message.get("user_id") or owner_id) != user.id:
            raise Forbidden(messages.ACCESS_PROHIBITED)
        if any(slot.message_id != request.assistant_message_id for slot in request.slots):
            raise BadRequest("Invalid response ID.")

    async def _show_messages(self, request: TurnRequest, user: User, turn: InsertedTurn) -> None:
        """Show the new messages to others who have the chat open; the asking page has them."""
        visible = {
            message_id: {key: value for key, value in message.items() if key != "meta"}
            for message_id, message in turn.messages.items()
        }
        message = {"type": "chat:messages", "data": {"messages": visible, "currentId": turn.current_id}}
        event = TurnEvent(
            user.id, request.chat_id, turn.current_id, message, request.session_id, message, only_shared=True
        )
        await self._bus.publish(event)

    async def _announce(self, request: TurnRequest, user: User, folder_id: str | None) -> None:
        """Move the chat to the top of the user's lists, and publish that it was written."""
        message = {"type": "chat:list", "data": {"chat_id": request.chat_id, "folder_id": folder_id}}
        question_id = request.user_message.get("id")
        await self._bus.publish(TurnEvent(user.id, request.chat_id, question_id, message, request.session_id))
        await self._bus.publish(ChatWritten(request.chat_id, user.id))


def _is_internal(question: dict[str, Any]) -> bool:
    """Return whether the server itself asks a question: for a subagent, or a timer."""
    meta = question.get("meta")
    return isinstance(meta, dict) and bool(meta.get("internal"))


def _build_document(request: TurnRequest, user: User, task_ids: dict[str, str]) -> dict[str, Any]:
    """Build the document of a new chat: the first question, and an empty message for each answer."""
    question = dict(request.user_message)
    question_id = question.get("id")
    slots = [slot for slot in request.slots if slot.message_id]
    document_messages: dict[str, Any] = {}
    if question_id:
        question["childrenIds"] = [slot.message_id for slot in slots]
        question["user_id"] = user.id
        question["user"] = {"id": user.id, "name": user.name}
        document_messages[question_id] = question
    for slot in slots:
        answer_id = str(slot.message_id)
        answer = build_empty_answer(answer_id, question_id, slot.model_id)
        if slot.model_index is not None:
            answer["modelIdx"] = slot.model_index
        answer["meta"] = {"task_id": task_ids[answer_id]}
        document_messages[answer_id] = answer
    author = {"user_id": user.id, "user": {"id": user.id, "name": user.name}}
    listed = {"role": "user", "content": question.get("content", ""), **author}
    return {
        "id": request.chat_id,
        "title": "New Chat",
        "models": [slot.model_id for slot in request.slots],
        "history": {"currentId": slots[0].message_id if slots else question_id, "messages": document_messages},
        "messages": [listed] if question_id else [],
        "files": request.files or [],
        "tags": [],
        "timestamp": int(time.time() * 1000),
    }
