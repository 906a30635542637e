"""Chats in shared folders: the chats of all users in a folder, and the authors of their questions."""

from __future__ import annotations

from functools import cache

import msgspec

from fastback.features.chats.fragments import IS_WAITING, NO_INDEX, VISIBLE_CHAT
from fastback.features.chats.lists.page_store import PageOrder, Part, fetch_unread_first
from fastback.kit.db import Database, Executor
from fastback.kit.db.database import Dialect


class SharedFolderChat(msgspec.Struct):
    """A chat in a shared folder."""

    id: str
    title: str
    user_id: str
    updated_at: int
    created_at: int
    last_read_at: int | None


class _Author(msgspec.Struct):
    chat_id: str
    user_id: str


#: The reader's own chats that wait, and all other chats.
_PARTS: dict[Part | None, str] = {
    None: "",
    "waiting": f"AND c.user_id = :user_id AND {IS_WAITING}",
    "others": f"AND NOT (c.user_id = :user_id AND {IS_WAITING})",
}
#: Excludes pinned chats, which have a list of their own, and the internal chats of notes and subagents.
_IN_FOLDER = {
    dialect: f"""c.folder_id = :folder_id AND {NO_INDEX[dialect]}c.archived = FALSE
        AND COALESCE(c.pinned, FALSE) = FALSE AND {visible}"""
    for dialect, visible in VISIBLE_CHAT.items()
}
COUNT_CHATS = {dialect: f"SELECT count(*) FROM chat c WHERE {condition}" for dialect, condition in _IN_FOLDER.items()}
#: A message names its author; without one the author is the chat's owner. An empty history counts as the messages of
#: the chat; the older list of messages is read only if there is no history.
LIST_AUTHORS = {
    "sqlite": """
        WITH messages AS (
            SELECT c.id AS chat_id, c.user_id AS owner_id,
                   CASE WHEN m.type = 'object' THEN m.value ELSE '{}' END AS message
            FROM chat c, json_each(CASE
                WHEN json_type(c.chat, '$.history.messages') = 'object' THEN json_extract(c.chat, '$.history.messages')
                WHEN json_type(c.chat, '$.messages') = 'array' THEN json_extract(c.chat, '$.messages')
                ELSE '[]' END) m
            WHERE c.id = ANY(:ids))
        SELECT DISTINCT chat_id, COALESCE(
            CASE WHEN json_type(message, '$.user_id') = 'text' THEN NULLIF(trim(message ->> '$.user_id'), '') END,
            CASE WHEN json_type(message, '$.user.id') = 'text' THEN NULLIF(trim(message ->> '$.user.id'), '') END,
            owner_id)
        FROM messages WHERE message ->> '$.role' = 'user' AND owner_id <> ''""",
    "postgres": """
        WITH messages AS (
            SELECT c.id AS chat_id, c.user_id AS owner_id, m.message FROM chat c CROSS JOIN LATERAL (
                SELECT value AS message FROM json_each(
                    CASE WHEN json_typeof(c.chat::readable #> '{history,messages}') = 'object'
                         THEN c.chat::readable #> '{history,messages}' ELSE CAST('{}' AS JSON) END)
                UNION ALL
                SELECT value FROM json_array_elements(
                    CASE WHEN json_typeof(c.chat::readable #> '{history,messages}') IS DISTINCT FROM 'object'
                              AND json_typeof(c.chat::readable -> 'messages') = 'array'
                         THEN c.chat::readable -> 'messages' ELSE CAST('[]' AS JSON) END)) m
            WHERE c.id = ANY(:ids) AND json_typeof(m.message) = 'object')
        SELECT DISTINCT chat_id, COALESCE(
            CASE WHEN json_typeof(message -> 'user_id') = 'string' THEN NULLIF(trim(message ->> 'user_id'), '') END,
            CASE WHEN json_typeof(message #> '{user,id}') = 'string'
                 THEN NULLIF(trim(message #>> '{user,id}'), '') END,
            owner_id)
        FROM messages WHERE message ->> 'role' = 'user' AND owner_id <> ''""",
}


@cache
def _build_list(dialect: Dialect, order: str, part: Part | None) -> str:
    return f"""SELECT c.id, c.title, c.user_id, c.updated_at, c.created_at, c.last_read_at FROM chat c
        WHERE {_IN_FOLDER[dialect]} {_PARTS[part]} ORDER BY {order} LIMIT :size OFFSET :skip"""


@cache
def _build_waiting_count(dialect: Dialect) -> str:
    return f"SELECT count(*) FROM chat c WHERE {_IN_FOLDER[dialect]} {_PARTS['waiting']}"


async def list_chats(
    db: Database, folder_id: str, user_id: str, *, skip: int, limit: int, order: PageOrder
) -> list[SharedFolderChat]:
    """Return chats of a folder in this order; only chats of the reader (`user_id`) count as unread."""

    async def fetch(part: Part | None, skip: int, size: int) -> list[SharedFolderChat]:
        params = {"folder_id": folder_id, "size": size, "skip": skip} | ({} if part is None else {"user_id": user_id})
        text = _build_list(db.dialect, order.build_terms(db.dialect, part), part)
        if order.needs_all:
            return await db.fetch_all_in_thread(SharedFolderChat, "folders.sort_shared_chats", text, **params)
        return await db.fetch_all(SharedFolderChat, "folders.list_shared_chats", text, **params)

    async def count_waiting() -> int:
        params = {"folder_id": folder_id, "user_id": user_id}
        return int(await db.fetch_value("folders.count_waiting", _build_waiting_count(db.dialect), **params) or 0)

    if order.begins_with_unread:
        return await fetch_unread_first(fetch, count_waiting, skip=skip, size=limit)
    return await fetch(None, skip, limit)


async def count_chats(db: Executor, folder_id: str) -> int:
    """Return the number of chats in a folder."""
    return int(await db.fetch_value("folders.count_shared_chats", COUNT_CHATS[db.dialect], folder_id=folder_id) or 0)


async def load_author_ids(db: Database, chat_ids: list[str]) -> dict[str, list[str]]:
    """Return the ids of the users who wrote questions, by chat. Reads the whole documents of the chats."""
    author_ids: dict[str, list[str]] = {chat_id: [] for chat_id in chat_ids}
    if chat_ids:
        rows = await db.fetch_all_in_thread(_Author, "folders.list_authors", LIST_AUTHORS[db.dialect], ids=chat_ids)
        for row in rows:
            author_ids[row.chat_id].append(row.user_id)
    return author_ids
