"""Messages and chats of a model, a user or a chat, for administrators."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import msgspec

from fastback.features.chats.fragments import IS_INTERNAL_CHAT
from fastback.kit.db import Database
from fastback.kit.db.database import Dialect

#: Tags are counted in this many chats, the latest of a model.
_MAX_TAGGED_CHATS = 10_000

ChatOrder = Literal["title", "user_name", "updated_at"]


class Message(msgspec.Struct):
    """A row of `chat_message`."""

    id: str
    chat_id: str
    user_id: str | None
    role: str
    parent_id: str | None
    content: msgspec.Raw
    output: msgspec.Raw
    model_id: str | None
    files: msgspec.Raw
    sources: msgspec.Raw
    embeds: msgspec.Raw
    meta: msgspec.Raw
    done: bool
    status_history: msgspec.Raw
    error: msgspec.Raw
    usage: msgspec.Raw
    context_summary: str | None
    created_at: int | None
    updated_at: int | None


class ModelChat(msgspec.Struct):
    """A chat in which a model answered; `first_message` is its title."""

    chat_id: str
    user_id: str | None
    user_name: str | None
    first_message: str | None
    updated_at: int


class _CountedChat(ModelChat):
    """A chat of a page; `total` is the number of chats on all pages."""

    total: int


class UserContact(msgspec.Struct):
    id: str
    name: str
    email: str


class _ChatTags(msgspec.Struct):
    tags: list[Any] | None


_COLUMNS = """id, chat_id, user_id, role, parent_id, content, output, model_id, files, sources, embeds, meta,
    COALESCE(done, TRUE), status_history, error, usage, context_summary, created_at, updated_at"""
#: Of the internal chats there are few: in SQLite, testing each chat itself means reading through its document.
_INTERNAL_IDS = {
    dialect: f"SELECT c.id FROM chat c WHERE {condition}" for dialect, condition in IS_INTERNAL_CHAT.items()
}
_CHAT_ORDERS: dict[str, ChatOrder] = {"title": "title", "user_name": "user_name", "updated_at": "updated_at"}
_ORDER_COLUMNS: dict[ChatOrder, str] = {"title": "title", "user_name": "name", "updated_at": "updated_at"}

LIST_MESSAGES_OF_CHAT = f"SELECT {_COLUMNS} FROM chat_message WHERE chat_id = :id ORDER BY created_at, id"
LIST_MESSAGES_OF_USER = f"""
    SELECT {_COLUMNS} FROM chat_message WHERE user_id = :id
    ORDER BY created_at DESC, id LIMIT :limit OFFSET :skip"""
_CHATS_OF_MODEL = f"""(SELECT chat_id FROM chat_message WHERE model_id = :id
    GROUP BY chat_id ORDER BY max(created_at) DESC, chat_id LIMIT {_MAX_TAGGED_CHATS})"""
#: PostgreSQL would test the tags of all chats before it looks for those of the model; `OFFSET 0` looks up each chat.
LIST_TAGS: dict[Dialect, str] = {
    "sqlite": f"""
    SELECT c.meta ->> 'tags' FROM chat c WHERE c.meta ->> 'tags' LIKE '[_%' AND c.id IN {_CHATS_OF_MODEL}
    ORDER BY c.created_at, c.id""",
    "postgres": f"""
    SELECT c.tags FROM {_CHATS_OF_MODEL} m CROSS JOIN LATERAL (
        SELECT c.meta::readable ->> 'tags' AS tags, c.created_at, c.id FROM chat c WHERE c.id = m.chat_id OFFSET 0) c
    WHERE c.tags LIKE '[_%' ORDER BY c.created_at, c.id""",
}
LIST_CONTACTS = 'SELECT id, name, email FROM "user" WHERE id = ANY(:ids)'


def _build_bounds(has_start: bool, has_end: bool) -> str:
    return f"{' AND created_at >= :start' if has_start else ''}{' AND created_at <= :end' if has_end else ''}"


def _build_bound_params(start: int | None, end: int | None) -> dict[str, Any]:
    """Return the parameters of the bounds; a bound of 0 does not count."""
    return {name: bound for name, bound in (("start", start), ("end", end)) if bound}


@lru_cache(4)
def _build_messages_of_model(has_start: bool, has_end: bool) -> str:
    return f"""SELECT {_COLUMNS} FROM chat_message WHERE model_id = :id{_build_bounds(has_start, has_end)}
        ORDER BY created_at DESC, id LIMIT :limit OFFSET :skip"""


def _build_chat_source(dialect: Dialect, has_start: bool, has_end: bool) -> str:
    return f"""FROM chat c LEFT JOIN "user" u ON u.id = c.user_id
        WHERE c.id IN (SELECT chat_id FROM chat_message WHERE model_id = :model_id{_build_bounds(has_start, has_end)})
        AND c.id NOT IN ({_INTERNAL_IDS[dialect]})"""


@lru_cache(4)
def _build_chat_count(dialect: Dialect, has_start: bool, has_end: bool) -> str:
    return f"SELECT count(*) {_build_chat_source(dialect, has_start, has_end)}"


@lru_cache(24)
def _build_chat_page(dialect: Dialect, order_by: ChatOrder, ascending: bool, has_start: bool, has_end: bool) -> str:
    direction = "ASC NULLS FIRST" if ascending else "DESC NULLS LAST"
    # All chats are counted: PostgreSQL must not plan for the first few.
    return f"""WITH matching AS MATERIALIZED (
            SELECT c.id, c.user_id, u.name, c.title, c.updated_at {_build_chat_source(dialect, has_start, has_end)})
        SELECT id, user_id, name, title, updated_at, count(*) OVER () FROM matching
        ORDER BY {_ORDER_COLUMNS[order_by]} {direction}, id LIMIT :limit OFFSET :skip"""


async def list_messages_of_chat(db: Database, chat_id: str) -> list[Message]:
    """List all messages of a chat, the oldest first."""
    return await db.fetch_all_in_thread(Message, "analytics.list_messages_of_chat", LIST_MESSAGES_OF_CHAT, id=chat_id)


async def list_messages_of_user(db: Database, user_id: str, *, skip: int, limit: int) -> list[Message]:
    """List messages of a user, the newest first."""
    return await db.fetch_all_in_thread(
        Message, "analytics.list_messages_of_user", LIST_MESSAGES_OF_USER, id=user_id, skip=skip, limit=limit
    )


async def list_messages_of_model(
    db: Database, model_id: str, *, start: int | None, end: int | None, skip: int, limit: int
) -> list[Message]:
    """List messages of a model between two Unix times, the newest first."""
    text = _build_messages_of_model(bool(start), bool(end))
    params = {"id": model_id, "skip": skip, "limit": limit, **_build_bound_params(start, end)}
    return await db.fetch_all_in_thread(Message, "analytics.list_messages_of_model", text, **params)


async def list_chats_of_model(
    db: Database,
    model_id: str,
    *,
    start: int | None,
    end: int | None,
    order_by: str,
    direction: str,
    skip: int,
    limit: int,
) -> tuple[list[ModelChat], int]:
    """Return a page of the chats in which a model answered, and their number.

    They are ordered by `title`, `user_name` or, for any other `order_by`, the time of the last change.
    """
    has_start, has_end = bool(start), bool(end)
    params = {"model_id": model_id, **_build_bound_params(start, end)}
    order = _CHAT_ORDERS.get(order_by, "updated_at")
    page_text = _build_chat_page(db.dialect, order, direction == "asc", has_start, has_end)
    rows = await db.fetch_all_in_thread(
        _CountedChat, "analytics.list_chats_of_model", page_text, skip=skip, limit=limit, **params
    )
    if rows:
        chats = [ModelChat(row.chat_id, row.user_id, row.user_name, row.first_message, row.updated_at) for row in rows]
        return chats, rows[0].total
    count_text = _build_chat_count(db.dialect, has_start, has_end)
    return [], (await db.fetch_all_in_thread(int, "analytics.count_chats_of_model", count_text, **params))[0]


async def list_tags_of_model(db: Database, model_id: str) -> list[list[Any]]:
    """List the tags of each tagged chat in which the model answered."""
    rows = await db.fetch_all_in_thread(_ChatTags, "analytics.list_tags", LIST_TAGS[db.dialect], id=model_id)
    return [row.tags or [] for row in rows]


async def list_contacts(db: Database, user_ids: list[str]) -> dict[str, UserContact]:
    """Return the names and addresses of existing users by id."""
    if not user_ids:
        return {}
    rows = await db.fetch_all(UserContact, "analytics.list_contacts", LIST_CONTACTS, ids=user_ids)
    return {row.id: row for row in rows}
