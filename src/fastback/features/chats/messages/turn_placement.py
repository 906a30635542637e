"""The messages of a new turn: adds a question and its empty answers to the document of a chat."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.features.chats.document import Document, Message
from fastback.kit.clock import clock
from fastback.kit.http.errors import Conflict, Forbidden


class InsertedTurn(msgspec.Struct):
    """A question and its answers by id, and the current message of the chat."""

    messages: dict[str, Message]
    current_id: str | None


def place_turn(
    document: Document,
    owner_id: str,
    user_id: str,
    user_name: str,
    user_message: Message,
    answers: list[dict[str, Any]],
    task_ids: dict[str, str],
) -> InsertedTurn:
    """Add a question and empty answers to a document, and return them; see `turn_store.insert_turn`.

    Raises:
        Conflict, Forbidden: see `turn_store.insert_turn`.
    """
    question_id = user_message.get("id") if user_message else None
    answer_ids = [answer.get("message_id") for answer in answers]
    all_ids = [question_id, *answer_ids] if user_message else answer_ids
    if not all(isinstance(value, str) and value for value in all_ids) or len(set(all_ids)) != len(all_ids):
        raise Conflict("Message already exists or has an invalid ID.")
    for message_id in answer_ids:
        existing = document.find_message(str(message_id))
        if existing and (
            existing.get("role") != "assistant"
            or existing.get("done")
            or existing.get("content")
            or existing.get("output")
            or (existing.get("user_id") or owner_id) != user_id
            or (user_message and existing.get("parentId") != question_id)
        ):
            raise Conflict("Message already exists or has an invalid ID.")
    messages: dict[str, Message] = {}
    if user_message and isinstance(question_id, str):
        messages[question_id] = document.upsert_message(
            question_id, _build_question(document, owner_id, user_id, user_name, user_message, question_id)
        )
    for answer in answers:
        message_id = str(answer["message_id"])
        messages[message_id] = document.upsert_message(
            message_id,
            {
                **build_empty_answer(message_id, question_id, answer.get("model_id")),
                "modelIdx": answer.get("modelIdx"),
                "user_id": user_id,
                "meta": {"task_id": task_ids[message_id]},
            },
        )
    return InsertedTurn(messages, document.current_id)


def build_empty_answer(message_id: str, question_id: str | None, model_id: str | None) -> Message:
    """Return the message that a model's answer to a question begins as."""
    return {
        "id": message_id,
        "parentId": question_id,
        "childrenIds": [],
        "role": "assistant",
        "content": "",
        "done": False,
        "model": model_id,
        "timestamp": int(clock.time()),
    }


def _build_question(
    document: Document, owner_id: str, user_id: str, user_name: str, user_message: Message, question_id: str
) -> Message:
    """Return the question of a turn: the stored one, or a new one.

    An owner's new question keeps all fields of `user_message`, that of another user only content, files and models.
    Where its parent is missing, it follows the current message; Open WebUI refuses it with 409.
    """
    existing = document.find_message(question_id)
    if existing is not None:
        if existing.get("role") != "user":
            raise Forbidden("You can only regenerate replies to user messages.")
        if "models" in user_message and (existing.get("user_id") or owner_id) == user_id:
            return {**existing, "models": user_message["models"]}
        return existing
    parent_id = user_message.get("parentId")
    if parent_id is not None and parent_id not in document.messages:
        # The page holds messages that never reached the server, which was down: the question continues what is stored.
        parent_id = document.current_id if document.current_id in document.messages else None
    if owner_id == user_id:
        message = dict(user_message)
    else:
        message = {key: user_message[key] for key in ("content", "files", "models") if key in user_message}
    message.update(
        id=question_id,
        parentId=parent_id,
        role="user",
        childrenIds=[],
        timestamp=int(clock.time()),
        user_id=user_id,
        user={"id": user_id, "name": user_name},
    )
    return message
