"""Messages and chats of a model, for administrators."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.db import Database

_COLUMNS = """id, chat_id, user_id, role, parent_id, content, output, model_id, files, sources, embeds, meta,
    COALESCE(done, TRUE), status_history, error, usage, context_summary, created_at, updated_at"""


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


async def of_chat(db: Database, chat_id: str) -> list[Message]:
    """All of a chat, oldest first."""
    text = f"SELECT {_COLUMNS} FROM chat_message WHERE chat_id = :id ORDER BY created_at, id"
    return await db.fetch_all_in_thread(Message, "analytics.of_chat", text, id=chat_id)


async def of_user(db: Database, user_id: str, *, skip: int, limit: int) -> list[Message]:
    """Newest first."""
    text = f"""SELECT {_COLUMNS} FROM chat_message WHERE user_id = :id
        ORDER BY created_at DESC, id LIMIT :limit OFFSET :skip"""
    return await db.fetch_all_in_thread(Message, "analytics.of_user", text, id=user_id, skip=skip, limit=limit)


def _between(start: int | None, end: int | None) -> tuple[str, dict[str, Any]]:
    """Conditions on `created_at`; a bound of 0 is none."""
    text, params = "", {}
    for name, sign, value in (("start", ">=", start), ("end", "<=", end)):
        if value:
            text += f" AND created_at {sign} :{name}"
            params[name] = value
    return text, params


async def of_model(
    db: Database, model_id: str, *, start: int | None, end: int | None, skip: int, limit: int
) -> list[Message]:
    """Newest first."""
    between, params = _between(start, end)
    text = f"""SELECT {_COLUMNS} FROM chat_message WHERE model_id = :id{between}
        ORDER BY created_at DESC, id LIMIT :limit OFFSET :skip"""
    return await db.fetch_all_in_thread(
        Message, "analytics.of_model", text, id=model_id, skip=skip, limit=limit, **params
    )


class ModelChat(msgspec.Struct):
    """A chat in which a model answered; `first_message` is its title."""

    chat_id: str
    user_id: str | None
    user_name: str | None
    first_message: str | None
    updated_at: int


#: Chats that belong to a note or a subagent are nobody's to look at.
_VISIBLE = {
    "sqlite": "COALESCE(json_extract(c.meta, '$.internal'), 0) <> 1",
    "postgres": "COALESCE(c.meta ->> 'internal', 'false') <> 'true'",
}
_ORDERS = {"title": "c.title", "user_name": "u.name", "updated_at": "c.updated_at"}


async def chats_of_model(
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
    """A page of them, and how many there are in all; sorted by `title`, `user_name` or the last change."""
    between, params = _between(start, end)
    source = f"""FROM chat c LEFT JOIN "user" u ON u.id = c.user_id
        WHERE c.id IN (SELECT chat_id FROM chat_message WHERE model_id = :model_id{between})
        AND {_VISIBLE[db.dialect]}"""
    params["model_id"] = model_id
    total = (await db.fetch_all_in_thread(int, "analytics.chats.count", f"SELECT count(*) {source}", **params))[0]
    way = "ASC NULLS FIRST" if direction == "asc" else "DESC NULLS LAST"
    order = f"{_ORDERS.get(order_by, 'c.updated_at')} {way}, c.id"
    text = f"""SELECT c.id, c.user_id, u.name, c.title, c.updated_at {source}
        ORDER BY {order} LIMIT :limit OFFSET :skip"""
    return await db.fetch_all_in_thread(ModelChat, "analytics.chats", text, skip=skip, limit=limit, **params), total


#: Tags are counted in so many chats, the latest of a model.
_CHATS = 10_000


class _Tags(msgspec.Struct):
    tags: list[Any] | None


async def tags_of_model(db: Database, model_id: str) -> list[list[Any]]:
    """The tags of each tagged chat in which the model answered."""
    text = f"""SELECT c.meta ->> 'tags' FROM chat c WHERE c.meta ->> 'tags' LIKE '[_%' AND c.id IN (
        SELECT chat_id FROM chat_message WHERE model_id = :id
        GROUP BY chat_id ORDER BY max(created_at) DESC, chat_id LIMIT {_CHATS}) ORDER BY c.created_at, c.id"""
    return [row.tags or [] for row in await db.fetch_all_in_thread(_Tags, "analytics.tags", text, id=model_id)]


class Person(msgspec.Struct):
    id: str
    name: str
    email: str


async def people(db: Database, user_ids: list[str]) -> dict[str, Person]:
    text = 'SELECT id, name, email FROM "user" WHERE id = ANY(:ids)'
    rows = await db.fetch_all(Person, "analytics.people", text, ids=user_ids) if user_ids else []
    return {row.id: row for row in rows}
