"""What a request for a chat completion asks, read from its JSON body."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.http.errors import BadRequest


class AnswerPlace(msgspec.Struct):
    """Where one model's answer goes."""

    model_id: str
    message_id: str | None
    model_index: int | None = None

    def as_dict(self) -> dict[str, Any]:
        return {"model_id": self.model_id, "message_id": self.message_id, "modelIdx": self.model_index}


class TurnRequest(msgspec.Struct):
    """A request, its fields named; `body` is what is left for the provider."""

    body: dict[str, Any]
    model_id: str
    places: list[AnswerPlace]
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
        return _dict(self.body.get("features"))

    @property
    def messages(self) -> list[dict[str, Any]]:
        found = self.body.get("messages")
        return found if isinstance(found, list) else []


def _text(value: Any) -> str | None:
    """Raises: BadRequest, for a NUL, which no database takes."""
    if isinstance(value, str) and "\x00" in value:
        raise BadRequest("Ids must not hold NUL.")
    return value if isinstance(value, str) and value else None


def _question(value: Any) -> dict[str, Any]:
    """Raises: BadRequest, for ids that are no texts."""
    found = _dict(value)
    for name in ("id", "parentId"):
        if found.get(name) is not None and not isinstance(found[name], str):
            raise BadRequest(f"user_message.{name} must be a text.")
        _text(found.get(name))
    return found


def _dict(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def _places(body: dict[str, Any], model_id: str) -> list[AnswerPlace]:
    given = body.get("message_ids")
    if isinstance(given, dict):
        given = [{"model_id": key, "message_id": value} for key, value in given.items()]
    if not isinstance(given, list) or not given:
        return [AnswerPlace(model_id, _text(body.get("id")))]
    found: list[AnswerPlace] = []
    for one in given:
        if not isinstance(one, dict) or not isinstance(one.get("model_id"), str):
            raise BadRequest("message_ids must name a model and a message each.")
        index = one.get("modelIdx")
        place = AnswerPlace(one["model_id"], _text(one.get("message_id")), index if isinstance(index, int) else None)
        found.append(place)
    return found


def read(body: dict[str, Any], new_chat_id: str) -> TurnRequest:
    """Read a body.

    `parent_id` says what is meant: null without a chat is a new chat, which gets `new_chat_id`; absent is a client that
    keeps its chats itself.

    Raises:
        BadRequest: no model, or fields of another shape.
    """
    model_id = body.get("model")
    if not isinstance(model_id, str) or not model_id:
        raise BadRequest("Model not found")
    if "messages" in body and not isinstance(body["messages"], list):
        raise BadRequest("messages must be a list.")
    if not all(isinstance(one, dict) for one in body.get("messages") or []):
        raise BadRequest("messages must hold objects.")
    is_new = "parent_id" in body and body["parent_id"] is None and not body.get("chat_id")
    params = {key: value for key, value in _dict(body.get("params")).items() if value is not None}
    controls = params.pop("model_controls", {})
    if not isinstance(controls, dict):
        raise BadRequest("Model control options must be keyed by model.")
    files = body.get("files")
    variables = body.get("chat_variables")
    return TurnRequest(
        body=body,
        model_id=model_id,
        places=_places(body, model_id),
        params=params,
        chat_id=new_chat_id if is_new else (_text(body.get("chat_id")) or ""),
        is_new=is_new,
        user_message=_question(body.get("user_message") or body.get("parent_message")),
        session_id=_text(body.get("session_id")),
        folder_id=_text(body.get("folder_id")),
        tasks=_dict(body.get("background_tasks")),
        variables=_dict(body.get("variables")),
        chat_variables=variables if isinstance(variables, dict) else None,
        files=files if isinstance(files, list) else None,
        assistant_message_id=_text(body.get("assistant_message_id")),
        regeneration_message_id=_text(body.get("regeneration_message_id")),
        regeneration_prompt=_text(body.get("regeneration_prompt")),
        model_controls=controls,
    )
