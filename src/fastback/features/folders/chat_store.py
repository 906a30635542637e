"""Everybody's chats in a shared folder."""

from __future__ import annotations

import msgspec

from fastback.kit.db import Database, Executor


class SharedFolderChat(msgspec.Struct):
    """A chat in a shared folder."""

    id: str
    title: str
    user_id: str
    updated_at: int
    created_at: int
    last_read_at: int | None


_UNREAD = """CASE WHEN c.user_id = :user_id AND c.updated_at > COALESCE(c.last_read_at, 0) AND NOT EXISTS (
    SELECT 1 FROM chat_message m WHERE m.chat_id = c.id AND m.role = 'assistant' AND m.done = FALSE)
    THEN 1 ELSE 0 END DESC, c.updated_at DESC, c.id"""

#: Pinned chats stand apart; those of notes and subagents are no chats of a folder.
_LISTED = {
    "sqlite": """c.folder_id = :folder_id AND c.archived = FALSE AND COALESCE(c.pinned, FALSE) = FALSE
        AND COALESCE(json_extract(c.meta, '$.internal'), 0) <> 1""",
    "postgres": """c.folder_id = :folder_id AND c.archived = FALSE AND COALESCE(c.pinned, FALSE) = FALSE
        AND COALESCE(c.meta ->> 'internal', 'false') <> 'true'""",
}


async def list_chats(
    db: Executor, folder_id: str, user_id: str, *, skip: int, limit: int, sort_by: str, direction: str
) -> list[SharedFolderChat]:
    """The reader's unread chats first, then the last changed, unless another order is asked for."""
    column = "c.title" if sort_by == "title" else "c.updated_at"
    order = f"{column} {'ASC' if direction == 'asc' else 'DESC'}, c.id"
    if sort_by == "unread_updated_at":
        order = _UNREAD
    return await db.fetch_all(
        SharedFolderChat,
        "folders.chats_in",
        f"""SELECT c.id, c.title, c.user_id, c.updated_at, c.created_at, c.last_read_at FROM chat c
            WHERE {_LISTED[db.dialect]} AND CAST(:user_id AS TEXT) IS NOT NULL
            ORDER BY {order} LIMIT :limit OFFSET :skip""",
        folder_id=folder_id,
        user_id=user_id,
        limit=limit,
        skip=skip,
    )


async def count_chats(db: Executor, folder_id: str) -> int:
    text = f"SELECT count(*) FROM chat c WHERE {_LISTED[db.dialect]}"
    return int(await db.fetch_value("folders.count_in", text, folder_id=folder_id) or 0)


class _Author(msgspec.Struct):
    chat_id: str
    user_id: str


#: Who wrote the questions of a chat: the message says so, else it was the chat's owner. An empty history is the truth;
#: only where there is none the older list of messages counts.
_AUTHORS = {
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
                    CASE WHEN json_typeof(c.chat #> '{history,messages}') = 'object'
                         THEN c.chat #> '{history,messages}' ELSE CAST('{}' AS JSON) END)
                UNION ALL
                SELECT value FROM json_array_elements(
                    CASE WHEN json_typeof(c.chat #> '{history,messages}') IS DISTINCT FROM 'object'
                              AND json_typeof(c.chat -> 'messages') = 'array'
                         THEN c.chat -> 'messages' ELSE CAST('[]' AS JSON) END)) m
            WHERE c.id = ANY(:ids) AND json_typeof(m.message) = 'object')
        SELECT DISTINCT chat_id, COALESCE(
            CASE WHEN json_typeof(message -> 'user_id') = 'string' THEN NULLIF(trim(message ->> 'user_id'), '') END,
            CASE WHEN json_typeof(message #> '{user,id}') = 'string'
                 THEN NULLIF(trim(message #>> '{user,id}'), '') END,
            owner_id)
        FROM messages WHERE message ->> 'role' = 'user' AND owner_id <> ''""",
}


async def load_author_ids(db: Database, chat_ids: list[str]) -> dict[str, list[str]]:
    """Who asked in each of the chats."""
    found: dict[str, list[str]] = {one: [] for one in chat_ids}
    if chat_ids:
        # Whole chats are read for it.
        for row in await db.fetch_all_in_thread(_Author, "folders.authors", _AUTHORS[db.dialect], ids=chat_ids):
            found[row.chat_id].append(row.user_id)
    return found
