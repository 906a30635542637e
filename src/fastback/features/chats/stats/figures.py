"""Figures about chats: how many messages, of which models, how long, how fast. Texts are counted, never shown."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from fastback.features.chats.document import Document
from fastback.features.chats.store import NO_LIMIT, VISIBLE
from fastback.kit.db import Database

#: Chats that are read at once: a chat may be large, and there may be many.
SLICE = 10


class _Chat(msgspec.Struct):
    id: str
    user_id: str
    created_at: int
    updated_at: int
    meta: dict[str, Any] | None
    chat: msgspec.Raw


class _Message(msgspec.Struct, rename="camel"):
    """What of a message is counted."""

    id: Any = None
    parent_id: Any = None
    role: Any = ""
    model: Any = None
    content: Any = ""
    timestamp: Any = 0
    annotation: Any = None


class _History(msgspec.Struct, rename="camel"):
    messages: dict[str, _Message] | None = None
    current_id: Any = None


class _Document(msgspec.Struct):
    history: _History | None = None


_read = msgspec.json.Decoder(_Document)


class ChatFigures(msgspec.Struct):
    """Of a chat; times in seconds, lengths in characters. The history is all branches, the rest the current one."""

    average_response_time: float
    average_user_message_content_length: float
    average_assistant_message_content_length: float
    models: dict[str, int]
    message_count: int
    history_models: dict[str, int]
    history_message_count: int
    history_user_message_count: int
    history_assistant_message_count: int


class ChatUsage(msgspec.Struct):
    """A chat in the list of figures."""

    id: str
    models: dict[str, int]
    message_count: int
    history_models: dict[str, int]
    history_message_count: int
    history_user_message_count: int
    history_assistant_message_count: int
    average_response_time: float
    average_user_message_content_length: float
    average_assistant_message_content_length: float
    tags: list[Any]
    last_message_at: int
    updated_at: int
    created_at: int


class MessageFigures(msgspec.Struct):
    id: str
    role: str
    model: str | None
    content_length: int
    token_count: None
    timestamp: int | None
    rating: int | None
    tags: list[str] | None


class _Messages(msgspec.Struct, rename="camel"):
    messages: dict[str, MessageFigures]
    current_id: str | None


class _Body(msgspec.Struct):
    history: _Messages


class ChatExport(msgspec.Struct):
    """A chat with the figures of each message."""

    id: str
    user_id: str
    created_at: int
    updated_at: int
    tags: list[Any]
    stats: ChatFigures
    chat: _Body


def _count_characters(content: Any) -> int:
    """Characters of a text, or of the texts among its parts."""
    if isinstance(content, str):
        return len(content)
    if isinstance(content, list):
        return sum(
            len(str(one.get("text") or "")) for one in content if isinstance(one, dict) and one["type"] == "text"
        )
    return 0


def _average(values: list[Any]) -> float:
    return sum(values) / len(values) if values else 0.0


def _count_models(messages: list[_Message]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in messages:
        if one.role == "assistant" and isinstance(one.model, str) and one.model:
            counts[one.model] = counts.get(one.model, 0) + 1
    return counts


def _list_branch(messages: dict[str, _Message], last_id: Any) -> list[_Message]:
    found: list[_Message] = []
    seen: set[str] = set()
    while isinstance(last_id, str) and last_id in messages and last_id not in seen:
        seen.add(last_id)
        found.append(messages[last_id])
        last_id = messages[last_id].parent_id
    return found[::-1]


def _is_time(value: Any) -> bool:
    return isinstance(value, (int, float)) and bool(value)


def _compute_figures(messages: dict[str, _Message], counted: list[_Message], branch: list[_Message]) -> ChatFigures:
    asked = [one for one in counted if one.role == "user"]
    answered = [one for one in counted if one.role == "assistant"]
    waits = [
        one.timestamp - messages[one.parent_id].timestamp
        for one in answered
        if isinstance(one.parent_id, str)
        and one.parent_id in messages
        and _is_time(one.timestamp)
        and _is_time(messages[one.parent_id].timestamp)
    ]
    return ChatFigures(
        average_response_time=_average(waits),
        average_user_message_content_length=_average([_count_characters(one.content) for one in asked]),
        average_assistant_message_content_length=_average([_count_characters(one.content) for one in answered]),
        models=_count_models(branch[::-1]),
        message_count=len(branch),
        history_models=_count_models(counted),
        history_message_count=len(messages),
        history_user_message_count=len(asked),
        history_assistant_message_count=len(answered),
    )


def _compute_message_figures(one: _Message) -> MessageFigures | None:
    """None for a message that lost its id or role, or has odd values: it is left out."""
    annotation = one.annotation if isinstance(one.annotation, dict) else {}
    try:
        return msgspec.convert(
            {
                "id": one.id,
                "role": one.role,
                "model": one.model,
                "content_length": _count_characters(one.content),
                "token_count": None,
                "timestamp": one.timestamp,
                "rating": annotation.get("rating"),
                "tags": annotation.get("tags"),
            },
            MessageFigures,
        )
    except (msgspec.ValidationError, KeyError):
        return None


def _get_tags(chat: _Chat) -> list[Any]:
    tags = (chat.meta or {}).get("tags")
    return tags if isinstance(tags, list) else []


def _decode_history(chat: _Chat) -> _History | None:
    try:
        return _read.decode(chat.chat).history or _History()
    except msgspec.ValidationError:
        return None


def compute_usage(chat: _Chat) -> ChatUsage | None:
    """The figures of a chat; None where it has no messages, or none that it opens at."""
    history = _decode_history(chat)
    messages = (history.messages if history else None) or {}
    branch = _list_branch(messages, history.current_id if history else None)
    if not branch or not isinstance(branch[-1].timestamp, int) or not branch[-1].timestamp:
        return None
    figures = _compute_figures(messages, list(messages.values()), branch)
    return ChatUsage(
        id=chat.id,
        tags=_get_tags(chat),
        last_message_at=branch[-1].timestamp,
        updated_at=chat.updated_at,
        created_at=chat.created_at,
        **msgspec.structs.asdict(figures),
    )


def compute_export(chat: _Chat) -> ChatExport | None:
    """A chat with the figures of each message; None where its document makes no sense."""
    history = _decode_history(chat)
    if history is None or not isinstance(history.current_id, (str, type(None))):
        return None
    messages = history.messages or {}
    shown = {key: found for key, one in messages.items() if (found := _compute_message_figures(one)) is not None}
    figures = _compute_figures(messages, [messages[key] for key in shown], _list_branch(messages, history.current_id))
    body = _Body(_Messages(shown, history.current_id))
    return ChatExport(chat.id, chat.user_id, chat.created_at, chat.updated_at, _get_tags(chat), figures, body)


async def list_chat_ids(
    db: Database, user_id: str, *, since: int | None = None, oldest_first: bool = False, skip: int, limit: int
) -> tuple[list[str], int]:
    """Ids of a page of a user's chats, by their last change, and how many there are in all.

    `since` leaves out those that were last changed then or before (seconds); a `limit` below zero means no limit.
    """
    where = f"user_id = :user_id AND {VISIBLE[db.dialect]} AND updated_at > :since"
    known = {"user_id": user_id, "since": since or -1}
    (total,) = await db.fetch_all_in_thread(int, "stats.total", f"SELECT count(*) FROM chat WHERE {where}", **known)
    found = await db.fetch_all_in_thread(
        str,
        "stats.ids",
        f"""SELECT id FROM chat WHERE {where} ORDER BY updated_at {"ASC" if oldest_first else "DESC"}, id
            LIMIT :limit OFFSET :skip""",
        limit=NO_LIMIT if limit < 0 else limit,
        skip=max(skip, 0),
        **known,
    )
    return found, total


_CHATS = "SELECT id, user_id, created_at, updated_at, meta, chat FROM chat WHERE id = ANY(:ids)"


async def load_usages(db: Database, chat_ids: list[str]) -> list[ChatUsage]:
    """The figures of chats in the order of their ids; some at a time, counted beside the event loop."""
    found: list[ChatUsage] = []
    for start in range(0, len(chat_ids), SLICE):
        for chat in await _load_chats(db, chat_ids[start : start + SLICE]):
            one = await asyncio.to_thread(compute_usage, chat)
            if one is not None:
                found.append(one)
    return found


async def load_exports(db: Database, chat_ids: list[str]) -> list[ChatExport]:
    """As `usages`, with the figures of each message."""
    counted = [await asyncio.to_thread(compute_export, chat) for chat in await _load_chats(db, chat_ids)]
    return [one for one in counted if one is not None]


async def find_export(db: Database, chat_id: str) -> ChatExport | None:
    """One chat, mended as it is when it is opened (see `history.repair`)."""
    for chat in await _load_chats(db, [chat_id]):
        document = Document(bytes(chat.chat))
        if document.repair_links():
            chat.chat = msgspec.Raw(document.encode())
        return compute_export(chat)
    return None


async def _load_chats(db: Database, chat_ids: list[str]) -> list[_Chat]:
    known = {row.id: row for row in await db.fetch_all_in_thread(_Chat, "stats.chats", _CHATS, ids=chat_ids)}
    return [known[one] for one in chat_ids if one in known]
