"""Socket messages about a message of a chat: send them to the pages that show it, and save them in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastback.features.chats.chat_ids import is_stored
from fastback.features.chats.document import Document, Message
from fastback.features.chats.messages import turn_store
from fastback.features.chats.turn_events import SHARED, TurnEvent
from fastback.kit.bus import Bus
from fastback.kit.db import Database

SocketMessage = dict[str, Any]

#: The fields of a streaming answer that other users receive.
_SHARED_FIELDS = ("done", "error", "usage", "finish_reason", "content", "selected_model_id", "sources", "output")


def _build_shared_message(event: SocketMessage) -> SocketMessage | None:
    """Return the message for other users who have the chat open; None if they do not receive it."""
    kind, data = event.get("type"), event.get("data")
    data = data if isinstance(data, dict) else {}
    if isinstance(kind, str) and kind in SHARED:
        return event
    if kind in ("chat:completion", "response:completion"):
        return {"type": "chat:completion", "data": {key: data[key] for key in _SHARED_FIELDS if key in data}}
    return None


async def send_socket_message(
    bus: Bus,
    owner_id: str,
    chat_id: str,
    message_id: str | None,
    message: SocketMessage,
    *,
    session_id: str | None = None,
) -> None:
    """Send a socket message to the chat's owner, and its shared part to other users who have the chat open.

    `session_id` is the session that has asked: it does not get the shared part.
    """
    only_shared = message.get("type") == "chat:messages"
    shared = _build_shared_message(message) if is_stored(chat_id) else None
    event = TurnEvent(
        owner_id, chat_id, message_id, message, session_id, shared, only_shared=only_shared, is_of_turn=False
    )
    await bus.publish(event)


def changes_message(socket_message: SocketMessage) -> bool:
    """Return whether a socket message is of a type that changes the message in the chat."""
    return str(socket_message.get("type")) in _CHANGES


def touches_chat(socket_message: SocketMessage) -> bool:
    """Return whether the chat counts as changed by a socket message."""
    return socket_message.get("type") in ("message", "replace")


def build_patch(message: Message | None, socket_message: SocketMessage) -> Message | None:
    """Return the fields of a message that a socket message changes, with their new values; None for no change.

    Raises:
        TypeError: the data of the socket message are invalid for its type.
    """
    change = _CHANGES.get(str(socket_message.get("type")))
    data = socket_message.get("data") or {}
    if change is None:
        return None
    if not isinstance(data, dict):
        raise TypeError("the data of the event must be an object")
    return change(message, data)


async def save_socket_messages(
    db: Database, chat_id: str, message_id: str, socket_messages: Sequence[SocketMessage]
) -> None:
    """Save in a chat message what socket messages say about it, in one write; most types change nothing.

    Raises:
        TypeError: the data of a socket message are invalid for its type; nothing is saved.
    """
    changing = [message for message in socket_messages if changes_message(message)]
    if not changing:
        return

    def edit(document: Document) -> Message | None:
        existing = document.find_message(message_id)
        message, only_status = existing, True
        patches: Message = {}
        for socket_message in changing:
            patch = build_patch(message, socket_message)
            if patch is not None:
                patches |= patch
                message = {**(message or {}), **patch}
                only_status &= socket_message.get("type") == "status"
        if not patches:
            return None
        if not only_status or existing is None:
            return document.upsert_message(message_id, patches)
        message = {**existing, **patches}
        document.put_message(message_id, message)
        return message

    touch = any(touches_chat(message) for message in changing)
    await turn_store.edit_message(db, chat_id, message_id, edit, touch=touch)


def _require_list(value: Any) -> list[Any]:
    """Return the value.

    Raises:
        TypeError: it is not a list.
    """
    if not isinstance(value, list):
        raise TypeError("a list is expected")
    return value


def _get_list(message: Message | None, name: str) -> list[Any]:
    """Return a field of a message if it is a list, else an empty list."""
    value = (message or {}).get(name)
    return value if isinstance(value, list) else []


def _require_text(value: Any) -> str:
    """Return the value.

    Raises:
        TypeError: it is not a string.
    """
    if not isinstance(value, str):
        raise TypeError("a text is expected")
    return value


def _append_status(message: Message | None, data: SocketMessage) -> Message | None:
    return None if message is None else {"statusHistory": [*_get_list(message, "statusHistory"), data]}


def _append_content(message: Message | None, data: SocketMessage) -> Message | None:
    if message is None:
        return None
    return {"content": _require_text(message.get("content", "")) + _require_text(data.get("content", ""))}


def _replace_content(message: Message | None, data: SocketMessage) -> Message | None:
    return {"content": data.get("content", "")}


def _add_embeds(message: Message | None, data: SocketMessage) -> Message | None:
    new = _require_list(data.get("embeds", []))
    return {"embeds": new if data.get("replace", False) else [*new, *_get_list(message, "embeds")]}


def _add_files(message: Message | None, data: SocketMessage) -> Message | None:
    return {"files": [*_require_list(data.get("files", [])), *_get_list(message, "files")]}


def _add_source(message: Message | None, data: SocketMessage) -> Message | None:
    return {"sources": [*_get_list(message, "sources"), data]} if data.get("type") is None else None


_CHANGES: dict[str, Callable[[Message | None, SocketMessage], Message | None]] = {
    "status": _append_status,
    "message": _append_content,
    "replace": _replace_content,
    "embeds": _add_embeds,
    "files": _add_files,
    "source": _add_source,
    "citation": _add_source,
}
