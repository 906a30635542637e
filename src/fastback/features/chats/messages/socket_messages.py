"""What programs say about a message: told to the pages that show it, and kept in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastback.features.chats.document import Document, Message, without_nulls
from fastback.features.chats.messages import turn_store
from fastback.features.chats.turn_events import SHARED, TurnEvent
from fastback.kit.bus import Bus
from fastback.kit.db import Database

Event = dict[str, Any]

#: Fields of an answer under way that everybody sees.
_SHOWN = ("done", "error", "usage", "finish_reason", "content", "selected_model_id", "sources", "output")


def _for_everybody(event: Event) -> Event | None:
    kind, data = event.get("type"), event.get("data") or {}
    if kind in SHARED:
        return event
    if kind in ("chat:completion", "response:completion"):
        return {"type": "chat:completion", "data": {key: data[key] for key in _SHOWN if key in data}}
    return None


async def tell(bus: Bus, owner_id: str, chat_id: str, message_id: str, event: Event) -> None:
    """Send an event to the pages of a chat's owner, and to others who have the chat open what concerns them."""
    alone = event.get("type") == "chat:messages"
    shared = _for_everybody(event)
    await bus.publish(TurnEvent(owner_id, chat_id, message_id, event, None, shared, only_shared=alone))


async def keep(db: Database, chat_id: str, message_id: str, event: Event) -> None:
    """Write into a message what an event says of it; most say nothing that stays.

    Raises:
        TypeError: its data have another shape than events of its type; nothing is written.
    """
    change = _CHANGES.get(str(event.get("type")))
    if change is None:
        return
    data, kind = without_nulls(event.get("data") or {}), str(event.get("type"))

    def act(document: Document) -> Message | None:
        known = document.message(message_id)
        patch = change(known, data)
        if patch is None:
            return None
        if kind != "status" or known is None:
            return document.upsert(message_id, patch)
        message = {**known, **patch}
        document.put(message_id, message)
        return message

    await turn_store.edit_message(db, chat_id, message_id, act, touch=kind in ("message", "replace"))


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("a list is expected")
    return value


def _known(message: Message | None, name: str) -> list[Any]:
    found = (message or {}).get(name)
    return found if isinstance(found, list) else []


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is expected")
    return value


def _status(message: Message | None, data: Event) -> Message | None:
    return None if message is None else {"statusHistory": [*_known(message, "statusHistory"), data]}


def _more(message: Message | None, data: Event) -> Message | None:
    if message is None:
        return None
    return {"content": _text(message.get("content", "")) + _text(data.get("content", ""))}


def _instead(message: Message | None, data: Event) -> Message | None:
    return {"content": data.get("content", "")}


def _embeds(message: Message | None, data: Event) -> Message | None:
    new = _list(data.get("embeds", []))
    return {"embeds": new if data.get("replace", False) else [*new, *_known(message, "embeds")]}


def _files(message: Message | None, data: Event) -> Message | None:
    return {"files": [*_list(data.get("files", [])), *_known(message, "files")]}


def _source(message: Message | None, data: Event) -> Message | None:
    return {"sources": [*_known(message, "sources"), data]} if data.get("type") is None else None


_CHANGES: dict[str, Callable[[Message | None, Event], Message | None]] = {
    "status": _status,
    "message": _more,
    "replace": _instead,
    "embeds": _embeds,
    "files": _files,
    "source": _source,
    "citation": _source,
}
