"""Statistics of chats: numbers, lengths and response times of messages. Texts are counted, never returned."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from fastback.features.chats.document import Document
from fastback.features.chats.stats import store
from fastback.features.chats.stats.store import StoredChat
from fastback.kit.db import Database
from fastback.kit.json_decoding import decode_json

T = TypeVar("T")

#: Chats that one statement reads: a chat may be large, and there may be many.
SLICE = 10


class _Message(msgspec.Struct, rename="camel"):
    """The fields of a message that are counted."""

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


#: A larger number is no time, in whichever unit (and the average of such numbers may be no number).
_LATEST = 2**63

_read = msgspec.json.Decoder(_Document)
_read_message = msgspec.json.Decoder(_Message)


class ChatFigures(msgspec.Struct):
    """Statistics of a chat: times in seconds, lengths in characters; history fields count all branches."""

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
    """A chat in the list of statistics."""

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
    """Statistics of a message."""

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
    """A chat with the statistics of each message."""

    id: str
    user_id: str
    created_at: int
    updated_at: int
    tags: list[Any]
    stats: ChatFigures
    chat: _Body


def _count_characters(content: Any) -> int:
    """Return the number of characters in a text, or in the texts among its parts."""
    if isinstance(content, str):
        return len(content)
    if isinstance(content, list):
        return sum(
            len(str(part.get("text") or ""))
            for part in content
            if isinstance(part, dict) and part.get("type") == "text"
        )
    return 0


def _average(values: list[Any]) -> float:
    return sum(values) / len(values) if values else 0.0


def _count_models(messages: list[_Message]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for message in messages:
        if message.role == "assistant" and isinstance(message.model, str) and message.model:
            counts[message.model] = counts.get(message.model, 0) + 1
    return counts


def _list_branch(messages: dict[str, _Message], last_id: Any) -> list[_Message]:
    branch: list[_Message] = []
    seen: set[str] = set()
    while isinstance(last_id, str) and last_id in messages and last_id not in seen:
        seen.add(last_id)
        branch.append(messages[last_id])
        last_id = messages[last_id].parent_id
    return branch[::-1]


def _is_time(value: Any) -> bool:
    return isinstance(value, (int, float)) and 0 < abs(value) < _LATEST


def _compute_figures(messages: dict[str, _Message], history: list[_Message], branch: list[_Message]) -> ChatFigures:
    questions = [message for message in history if message.role == "user"]
    answers = [message for message in history if message.role == "assistant"]
    response_times = [
        message.timestamp - messages[message.parent_id].timestamp
        for message in answers
        if isinstance(message.parent_id, str)
        and message.parent_id in messages
        and _is_time(message.timestamp)
        and _is_time(messages[message.parent_id].timestamp)
    ]
    return ChatFigures(
        average_response_time=_average(response_times),
        average_user_message_content_length=_average([_count_characters(message.content) for message in questions]),
        average_assistant_message_content_length=_average([_count_characters(message.content) for message in answers]),
        models=_count_models(branch[::-1]),
        message_count=len(branch),
        history_models=_count_models(history),
        history_message_count=len(messages),
        history_user_message_count=len(questions),
        history_assistant_message_count=len(answers),
    )


def _compute_message_figures(message: _Message) -> MessageFigures | None:
    """Return the statistics of a message; None for a message without id or role, or with invalid values."""
    annotation = message.annotation if isinstance(message.annotation, dict) else {}
    try:
        return msgspec.convert(
            {
                "id": message.id,
                "role": message.role,
                "model": message.model,
                "content_length": _count_characters(message.content),
                "token_count": None,
                "timestamp": message.timestamp,
                "rating": annotation.get("rating"),
                "tags": annotation.get("tags"),
            },
            MessageFigures,
        )
    except msgspec.ValidationError:
        return None


def _get_tags(chat: StoredChat) -> list[Any]:
    tags = (chat.meta or {}).get("tags")
    return tags if isinstance(tags, list) else []


def _decode_history(chat: StoredChat) -> _History | None:
    try:
        if chat.document is None:
            return decode_json(bytes(chat.chat), _read.decode).history or _History()
        # Message by message: each call of the decoder keeps other threads from running.
        messages = {name: decode_json(bytes(raw), _read_message.decode) for name, raw in chat.document.messages.items()}
        return _History(messages, chat.document.current_id)
    except msgspec.DecodeError:
        return None


def compute_usage(chat: StoredChat) -> ChatUsage | None:
    """Return the statistics of a chat; None if its current branch has no messages, or no valid time."""
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


def compute_export(chat: StoredChat) -> ChatExport | None:
    """Return a chat with the statistics of each message; None if its document is invalid."""
    history = _decode_history(chat)
    if history is None or not isinstance(history.current_id, (str, type(None))):
        return None
    messages = history.messages or {}
    all_figures = {message_id: _compute_message_figures(message) for message_id, message in messages.items()}
    message_figures = {message_id: figures for message_id, figures in all_figures.items() if figures is not None}
    valid_messages = [messages[message_id] for message_id in message_figures]
    chat_figures = _compute_figures(messages, valid_messages, _list_branch(messages, history.current_id))
    body = _Body(_Messages(message_figures, history.current_id))
    return ChatExport(chat.id, chat.user_id, chat.created_at, chat.updated_at, _get_tags(chat), chat_figures, body)


def _compute_each(compute: Callable[[StoredChat], T | None], chats: list[StoredChat]) -> list[T]:
    return [figures for chat in chats if (figures := compute(chat)) is not None]


async def load_usages(db: Database, chat_ids: list[str]) -> list[ChatUsage]:
    """Return the statistics of chats in the order of their ids; reads a slice at a time, and counts in a thread."""
    usages: list[ChatUsage] = []
    for start in range(0, len(chat_ids), SLICE):
        chats = await _load_chats(db, chat_ids[start : start + SLICE])
        usages += await asyncio.to_thread(_compute_each, compute_usage, chats)
    return usages


async def load_exports(db: Database, chat_ids: list[str]) -> list[ChatExport]:
    """Like `load_usages`, with the statistics of each message."""
    chats = await _load_chats(db, chat_ids)
    return await asyncio.to_thread(_compute_each, compute_export, chats)


async def find_export(db: Database, chat_id: str) -> ChatExport | None:
    """Return a chat with the statistics of each message, after repairing its links; None if its document is invalid."""
    for chat in await _load_chats(db, [chat_id]):
        document = chat.document or Document(bytes(chat.chat))
        if await document.run(document.repair_links) and chat.document is None:
            chat.chat = msgspec.Raw(document.encode())
        return await document.run(compute_export, chat)
    return None


async def _load_chats(db: Database, chat_ids: list[str]) -> list[StoredChat]:
    """Return the chats in the order of their ids; skips those that were deleted meanwhile."""
    chats = {chat.id: chat for chat in await store.load_chats(db, chat_ids)}
    return [chats[chat_id] for chat_id in chat_ids if chat_id in chats]
