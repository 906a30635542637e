"""The request for a chat completion, parsed from its JSON body."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.http.errors import BadRequest


class AnswerSlot(msgspec.Struct):
    """The message that one model's answer goes to. `model_index` tells apart answers of one model to one question."""

    model_id: str
    message_id: str | None
    model_index: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the slot as the page sends it."""
        return {"model_id": self.model_id, "message_id": self.message_id, "modelIdx": self.model_index}


class TurnRequest(msgspec.Struct):
    """A request with its fields named. `body` is the whole body, from which the server's payload is built."""

    body: dict[str, Any]
    model_id: str
    slots: list[AnswerSlot]
    params: dict[str, Any]
    chat_id: str
    is_new: bool
    user_message: dict[str, Any]
    session_id: str | None
    folder_id: str | None
    tasks: dict[str, Any]
    variables: dict[str, Any]
    chat_variables: dict[str, Any] | None
    files: list[Any] | None
    assistant_message_id: str | None
    regeneration_message_id: str | None
    regeneration_prompt: str | None
    model_controls: dict[str, Any]

    @property
    def features(self) -> dict[str, Any]:
        """What the page has switched on for the question: `memory`, `web_search`, …"""
        features = self.body.get("features")
        return features if isinstance(features, dict) else {}

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages of the body."""
        messages = self.body.get("messages")
        return messages if isinstance(messages, list) else []


def _to_text(value: Any) -> str | None:
    """Return a text that is not empty, or None.

    Raises:
        BadRequest: it holds NUL, which PostgreSQL does not take.
    """
    if isinstance(value, str) and "\x00" in value:
        raise BadRequest("Ids must not hold NUL.")
    return value if isinstance(value, str) and value else None


def _to_dict(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def _parse_question(value: Any) -> dict[str, Any]:
    """Return the message with the question.

    Raises:
        BadRequest: an id is not a text.
    """
    question = _to_dict(value)
    for name in ("id", "parentId"):
        if question.get(name) is not None and not isinstance(question[name], str):
            raise BadRequest(f"user_message.{name} must be a text.")
        _to_text(question.get(name))
    return question


def _parse_slots(body: dict[str, Any], model_id: str) -> list[AnswerSlot]:
    """Return the slots of `message_ids` (a list, or in older clients a dict by model), or the one slot of `id`.

    Raises:
        BadRequest: an entry names no model.
    """
    entries = body.get("message_ids")
    if isinstance(entries, dict):
        entries = [{"model_id": key, "message_id": value} for key, value in entries.items()]
    if not isinstance(entries, list) or not entries:
        return [AnswerSlot(model_id, _to_text(body.get("id")))]
    slots: list[AnswerSlot] = []
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("model_id"), str):
            raise BadRequest("message_ids must name a model and a message each.")
        index = entry.get("modelIdx")
        message_id = _to_text(entry.get("message_id"))
        slots.append(AnswerSlot(entry["model_id"], message_id, index if isinstance(index, int) else None))
    return slots


def parse_turn_request(body: dict[str, Any], new_chat_id: str = "") -> TurnRequest:
    """Parse a body.

    `parent_id` decides about the chat: null without a `chat_id` starts a new chat, which gets `new_chat_id`; an absent
    `parent_id` comes from clients that keep their chats themselves.

    Raises:
        BadRequest: the body names no model, or a field has the wrong type.
    """
    model_id = body.get("model")
    if not isinstance(model_id, str) or not model_id:
        raise BadRequest("Model not found")
    if "messages" in body and not isinstance(body["messages"], list):
        raise BadRequest("messages must be a list.")
    if not all(isinstance(message, dict) for message in body.get("messages") or []):
        raise BadRequest("messages must hold objects.")
    is_new = "parent_id" in body and body["parent_id"] is None and not body.get("chat_id")
    params = {key: value for key, value in _to_dict(body.get("params")).items() if value is not None}
    controls = params.pop("model_controls", {})
    if not isinstance(controls, dict):
        raise BadRequest("Model control options must be keyed by model.")
    files = body.get("files")
    variables = body.get("chat_variables")
    return TurnRequest(
        body=body,
        model_id=model_id,
        slots=_parse_slots(body, model_id),
        params=params,
        chat_id=new_chat_id if is_new else (_to_text(body.get("chat_id")) or ""),
        is_new=is_new,
        user_message=_parse_question(body.get("user_message") or body.get("parent_message")),
        session_id=_to_text(body.get("session_id")),
        folder_id=_to_text(body.get("folder_id")),
        tasks=_to_dict(body.get("background_tasks")),
        variables=_to_dict(body.get("variables")),
        chat_variables=variables if isinstance(variables, dict) else None,
        files=files if isinstance(files, list) else None,
        assistant_message_id=_to_text(body.get("assistant_message_id")),
        regeneration_message_id=_to_text(body.get("regeneration_message_id")),
        regeneration_prompt=_to_text(body.get("regeneration_prompt")),
        model_controls=controls,
    )
