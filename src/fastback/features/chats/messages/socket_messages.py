"""What programs say about a message: told to the pages that show it, and kept in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastback.features.chats.document import Document, Message, remove_nul_characters
from fastback.features.chats.messages import turn_store
from fastback.features.chats.turn_events import SHARED, TurnEvent
from fastback.kit.bus import Bus
from fastback.kit.db import Database

SocketMessage = dict[str, Any]

#: Fields of an answer under way that everybody sees.
_SHOWN = ("done", "error", "usage", "finish_reason", "content", "selected_model_id", "sources", "output")


def _build_shared_message(event: SocketMessage) -> SocketMessage | None:
    kind, data = event.get("type"), event.get("data") or {}
    if kind in SHARED:
        return event
    if kind in ("chat:completion", "response:completion"):
        return {"type": "chat:completion", "data": {key: data[key] for key in _SHOWN if key in data}}
    return None


async def send_socket_message(bus: Bus, owner_id: str, chat_id: str, message_id: str, event: SocketMessage) -> None:
    """Send an event to the pages of a chat's owner, and to others who have the chat open what concerns them."""
    alone = event.get("type") == "chat:messages"
    shared = _build_shared_message(event)
    await bus.publish(TurnEvent(owner_id, chat_id, message_id, event, None, shared, only_shared=alone))


async def save_socket_message(db: Database, chat_id: str, message_id: str, event: SocketMessage) -> None:
    """Write into a message what an event says of it; most say nothing that stays.

    Raises:
        TypeError: its data have another shape than events of its type; nothing is written.
    """
    change = _CHANGES.get(str(event.get("type")))
    if change is None:
        return
    data, kind = remove_nul_characters(event.get("data") or {}), str(event.get("type"))

    def act(document: Document) -> Message | None:
        known = document.find_message(message_id)
        patch = change(known, data)
        if patch is None:
            return None
        if kind != "status" or known is None:
            return document.upsert_message(message_id, patch)
        message = {**known, **patch}
        document.put_message(message_id, message)
        return message

    await turn_store.edit_message(db, chat_id, message_id, act, touch=kind in ("message", "replace"))


def _require_list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("a list is expected")
    return value


def _get_list(message: Message | None, name: str) -> list[Any]:
    found = (message or {}).get(name)
    return found if isinstance(found, list) else []


def _require_text(value: Any) -> str:
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
