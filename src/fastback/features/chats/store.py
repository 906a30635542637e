"""Rows of `chat` as lists and pages show them, and changes of single columns."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from fastback.kit.db import Database, Executor


class ChatTitle(msgspec.Struct):
    """An entry of a list."""

    id: str
    title: str
    updated_at: int
    created_at: int
    last_read_at: int | None
    snippet: str | None = None
    active: bool = False
    archived: bool = False


class ChatPage(msgspec.Struct):
    """A chat as a page opens it; the document goes out as it is stored."""

    id: str
    user_id: str
    title: str
    chat: msgspec.Raw
    updated_at: int
    created_at: int
    share_id: str | None
    archived: bool
    pinned: bool | None
    meta: msgspec.Raw
    variables: msgspec.Raw
    folder_id: str | None
    tasks: msgspec.Raw
    summary: str | None
    current_message_id: str | None
    context_usage: dict[str, Any] | None = None


#: The columns of `ChatPage`.
CHAT_COLUMNS = """id, user_id, title, chat, updated_at, created_at, share_id, archived, pinned, meta,
    COALESCE(variables, '{}'), folder_id, tasks, summary, current_message_id"""

_TITLE = "id, title, updated_at, created_at, last_read_at"

#: Chats that belong to a note or a subagent are no chats of the list.
VISIBLE = {
    "sqlite": "COALESCE(json_extract(meta, '$.internal'), 0) <> 1",
    "postgres": "COALESCE(meta ->> 'internal', 'false') <> 'true'",
}

#: Unread chats first, unless an answer in them is still being written; then the last changed.
_UNREAD_FIRST = """CASE WHEN updated_at > COALESCE(last_read_at, 0) AND NOT EXISTS (
    SELECT 1 FROM chat_message m WHERE m.chat_id = chat.id AND m.role = 'assistant' AND m.done = FALSE)
    THEN 1 ELSE 0 END DESC, updated_at DESC, id"""


def _build_page_order(sort_by: str, direction: str) -> str:
    """The order of the sidebar: by title, by what is unread, or by the last change whatever else is named."""
    if sort_by == "unread_updated_at":
        return _UNREAD_FIRST
    column = "title" if sort_by == "title" else "updated_at"
    return f"{column} {'ASC' if direction == 'asc' else 'DESC'}, id"


_COLUMNS = frozenset({"id", "title", "created_at", "updated_at", "last_read_at", "folder_id", "share_id", "pinned"})


def _build_column_order(column: str | None, direction: str | None) -> str:
    """The order of the tables of chats: by any column, where a direction is named too."""
    if column in _COLUMNS and direction:
        return f"{column} {'ASC' if direction.lower() == 'asc' else 'DESC'}, id"
    return "updated_at DESC, id"


async def list_chats(
    db: Database,
    user_id: str,
    *,
    page: int | None,
    with_folders: bool = False,
    with_pinned: bool = False,
    sort_by: str = "updated_at",
    direction: str = "desc",
    size: int = 60,
) -> list[ChatTitle]:
    """Titles of a user's chats, `size` a page, pages counted from 1; all of them without a page."""
    where = [VISIBLE[db.dialect], "archived = FALSE"]
    if not with_folders:
        where.append("folder_id IS NULL")
    if not with_pinned:
        where.append("(pinned = FALSE OR pinned IS NULL)")
    limit = "" if page is None else "LIMIT :size OFFSET :skip"
    bounds = {} if page is None else {"size": size, "skip": (max(page, 1) - 1) * size}
    # The sidebar asks for a page at a time; who asks for all of them may have many thousands.
    read = db.fetch_all_in_thread if page is None else db.fetch_all
    return await read(
        ChatTitle,
        "chats.page",
        f"SELECT {_TITLE} FROM chat WHERE user_id = :user_id AND {' AND '.join(where)} "
        f"ORDER BY {_build_page_order(sort_by, direction)} {limit}",
        user_id=user_id,
        **bounds,
    )


async def list_pinned_chats(db: Executor, user_id: str) -> list[ChatTitle]:
    # The plus keeps SQLite from walking through all chats in their order: few of them are pinned.
    return await db.fetch_all(
        ChatTitle,
        "chats.pinned",
        f"SELECT {_TITLE} FROM chat WHERE user_id = :user_id AND pinned = TRUE AND archived = FALSE "
        f"AND {VISIBLE[db.dialect]} ORDER BY +updated_at DESC",
        user_id=user_id,
    )


_TITLE_HAS = "(CAST(:query AS TEXT) IS NULL OR lower(title) LIKE :query)"


def _build_pattern(query: str | None) -> str | None:
    return f"%{query.lower()}%" if query else None


async def list_archived_chats(
    db: Database, user_id: str, *, query: str | None, sort_by: str | None, direction: str | None, page: int | None
) -> list[ChatTitle]:
    """Titles of archived chats, 60 a page; when they were read is not told."""
    return await db.fetch_all_in_thread(
        ChatTitle,
        "chats.archived",
        "SELECT id, title, updated_at, created_at, CAST(NULL AS BIGINT) FROM chat "
        f"WHERE user_id = :user_id AND archived = TRUE AND {VISIBLE[db.dialect]} AND {_TITLE_HAS} "
        f"ORDER BY {_build_column_order(sort_by, direction)} LIMIT 60 OFFSET :skip",
        user_id=user_id,
        query=_build_pattern(query),
        skip=(max(page or 1, 1) - 1) * 60,
    )


async def list_user_chats(
    db: Database, user_id: str, *, query: str | None, sort_by: str | None, direction: str | None, page: int | None
) -> list[ChatTitle]:
    """Titles of all chats of a user, archived ones too, 60 a page."""
    return await db.fetch_all_in_thread(
        ChatTitle,
        "chats.of_user",
        f"SELECT {_TITLE} FROM chat WHERE user_id = :user_id AND {VISIBLE[db.dialect]} AND {_TITLE_HAS} "
        f"ORDER BY {_build_column_order(sort_by, direction)} LIMIT 60 OFFSET :skip",
        user_id=user_id,
        query=_build_pattern(query),
        skip=(max(page or 1, 1) - 1) * 60,
    )


async def count_archived_chats(db: Database, user_id: str) -> int:
    text = f"SELECT count(*) FROM chat WHERE user_id = :user_id AND archived = TRUE AND {VISIBLE[db.dialect]}"
    return (await db.fetch_all_in_thread(int, "chats.archived_count", text, user_id=user_id))[0]


async def list_ids_in_folders(db: Database, user_id: str, folder_ids: list[str]) -> list[str]:
    """Ids of a user's chats in these folders, newest first."""
    return await db.fetch_all_in_thread(
        str,
        "chats.in_folders",
        "SELECT id FROM chat WHERE user_id = :user_id AND folder_id = ANY(:ids) AND archived = FALSE "
        f"AND (pinned = FALSE OR pinned IS NULL) AND {VISIBLE[db.dialect]} ORDER BY updated_at DESC, id",
        user_id=user_id,
        ids=folder_ids,
    )


async def list_folder_chats(
    db: Executor, user_id: str, folder_id: str, *, page: int, sort_by: str, direction: str, size: int = 10
) -> list[ChatTitle]:
    return await db.fetch_all(
        ChatTitle,
        "chats.folder_page",
        f"SELECT {_TITLE} FROM chat WHERE user_id = :user_id AND folder_id = :folder_id AND archived = FALSE "
        f"AND (pinned = FALSE OR pinned IS NULL) AND {VISIBLE[db.dialect]} "
        f"ORDER BY {_build_page_order(sort_by, direction)} LIMIT :size OFFSET :skip",
        user_id=user_id,
        folder_id=folder_id,
        size=size,
        skip=(max(page, 1) - 1) * size,
    )


#: As a limit: more than there can be.
NO_LIMIT = 2**62


async def list_tagged_chats(db: Database, user_id: str, tag: str, *, skip: int, limit: int) -> list[ChatTitle]:
    condition = {
        "sqlite": "EXISTS (SELECT 1 FROM json_each(meta, '$.tags') t WHERE t.value = :tag)",
        "postgres": "json_typeof(meta -> 'tags') = 'array' AND EXISTS "
        "(SELECT 1 FROM json_array_elements_text(meta -> 'tags') t WHERE t = :tag)",
    }[db.dialect]
    return await db.fetch_all_in_thread(
        ChatTitle,
        "chats.with_tag",
        f"SELECT {_TITLE} FROM chat WHERE user_id = :user_id AND {condition} AND {VISIBLE[db.dialect]} "
        "ORDER BY updated_at DESC, id LIMIT :limit OFFSET :skip",
        user_id=user_id,
        tag=tag,
        skip=max(skip, 0),
        limit=limit if limit > 0 else NO_LIMIT,
    )


async def find_chat(db: Executor, chat_id: str) -> ChatPage | None:
    return await db.fetch_first(ChatPage, "chats.get", f"SELECT {CHAT_COLUMNS} FROM chat WHERE id = :id", id=chat_id)


async def lock_chat(tx: Executor, chat_id: str) -> ChatPage | None:
    """A chat that nobody else changes until the transaction ends."""
    lock = " FOR UPDATE" if tx.dialect == "postgres" else ""
    return await tx.fetch_first(
        ChatPage, "chats.locked", f"SELECT {CHAT_COLUMNS} FROM chat WHERE id = :id{lock}", id=chat_id
    )


class ChatHead(msgspec.Struct):
    """Whose a chat is, and what belongs to it besides its document."""

    id: str
    user_id: str
    share_id: str | None
    folder_id: str | None
    meta: msgspec.Raw


async def find_head(db: Executor, chat_id: str) -> ChatHead | None:
    text = "SELECT id, user_id, share_id, folder_id, meta FROM chat WHERE id = :id"
    return await db.fetch_first(ChatHead, "chats.head", text, id=chat_id)


async def find_owned_chat(db: Executor, chat_id: str, user_id: str) -> ChatPage | None:
    text = f"SELECT {CHAT_COLUMNS} FROM chat WHERE id = :id AND user_id = :user_id"
    return await db.fetch_first(ChatPage, "chats.owned", text, id=chat_id, user_id=user_id)


async def list_visible_ids(db: Database, user_id: str | None, *, archived: bool | None = None) -> list[str]:
    """Ids of a user's chats, or of everybody's, newest first."""
    where = ["(CAST(:user_id AS TEXT) IS NULL OR user_id = :user_id)", VISIBLE[db.dialect]]
    if archived is not None:
        where.append(f"archived = {'TRUE' if archived else 'FALSE'}")
    text = f"SELECT id FROM chat WHERE {' AND '.join(where)} ORDER BY updated_at DESC, id"
    return await db.fetch_all_in_thread(str, "chats.every_id", text, user_id=user_id)


async def load_chats(db: Database, ids: list[str]) -> list[ChatPage]:
    """These chats, in no order."""
    return await db.fetch_all_in_thread(
        ChatPage, "chats.whole", f"SELECT {CHAT_COLUMNS} FROM chat WHERE id = ANY(:ids)", ids=ids
    )


async def is_pinned(db: Executor, chat_id: str) -> bool | None:
    found = await db.fetch_value("chats.is_pinned", "SELECT pinned FROM chat WHERE id = :id", id=chat_id)
    return None if found is None else bool(found)


async def toggle_pinned(db: Executor, chat_id: str) -> None:
    await db.execute(
        "chats.toggle_pinned",
        """UPDATE chat SET pinned = NOT COALESCE(pinned, FALSE), updated_at = :now, last_read_at = :now
           WHERE id = :id""",
        id=chat_id,
        now=int(time.time()),
    )


async def toggle_archived(db: Executor, chat_id: str) -> None:
    """Put a chat away or bring it back; either way it leaves its folder."""
    await db.execute(
        "chats.toggle_archived",
        """UPDATE chat SET archived = NOT COALESCE(archived, FALSE), folder_id = NULL, updated_at = :now,
               last_read_at = :now
           WHERE id = :id""",
        id=chat_id,
        now=int(time.time()),
    )


async def archive_all_chats(db: Database, user_id: str) -> None:
    """Put all chats of a user away, out of their folders."""
    text = "UPDATE chat SET archived = TRUE, folder_id = NULL WHERE user_id = :user_id"
    await db.execute_in_thread("chats.archive_all", text, user_id=user_id)


async def unarchive_all_chats(db: Database, user_id: str) -> None:
    text = "UPDATE chat SET archived = FALSE WHERE user_id = :user_id"
    await db.execute_in_thread("chats.unarchive_all", text, user_id=user_id)


async def move_chat(db: Executor, chat_id: str, folder_id: str | None, *, own: bool) -> None:
    """Put a chat into a folder, which brings it back from the archive, or out of any; `own`: its owner does it."""
    await db.execute(
        "chats.move",
        """UPDATE chat SET folder_id = :folder_id, updated_at = :now, pinned = FALSE,
               archived = CASE WHEN CAST(:folder_id AS TEXT) IS NULL THEN archived ELSE FALSE END,
               last_read_at = CASE WHEN :own THEN :now ELSE last_read_at END
           WHERE id = :id""",
        id=chat_id,
        folder_id=folder_id,
        own=own,
        now=int(time.time()),
    )


async def set_variables(db: Executor, chat_id: str, variables: dict[str, object]) -> None:
    text = "UPDATE chat SET variables = :variables WHERE id = :id"
    await db.execute("chats.set_variables", text, id=chat_id, variables=msgspec.json.encode(variables).decode())


async def mark_unread(db: Executor, chat_id: str, user_id: str) -> bool:
    """Mark a chat as never read; False when it is not theirs."""
    text = "UPDATE chat SET last_read_at = 0 WHERE id = :id AND user_id = :user_id"
    return await db.execute("chats.mark_unread", text, id=chat_id, user_id=user_id) > 0


async def mark_all_read(db: Database, user_id: str) -> int:
    """Mark a user's chats as read up to their last change; how many there are."""
    text = f"""UPDATE chat SET last_read_at = updated_at
        WHERE user_id = :user_id AND archived = FALSE AND {VISIBLE[db.dialect]}"""
    return await db.execute_in_thread("chats.mark_all_read", text, user_id=user_id)


_BELONGING = ("chat_message", "chat_file", "shared_chat")


async def delete_chats(db: Database, chat_ids: list[str]) -> None:
    """Remove chats with everything that belongs to them."""
    async with db.transaction(long=len(chat_ids) > 1) as tx:
        text = "UPDATE automation_run SET chat_id = NULL WHERE chat_id = ANY(:ids)"
        await tx.execute("chats.leave_runs", text, ids=chat_ids)
        for table in _BELONGING:
            await tx.execute(f"chats.delete.{table}", f"DELETE FROM {table} WHERE chat_id = ANY(:ids)", ids=chat_ids)
        await tx.execute(
            "chats.delete_grants",
            "DELETE FROM access_grant WHERE resource_type = 'shared_chat' AND resource_id = ANY(:ids)",
            ids=chat_ids,
        )
        await tx.execute("chats.delete", "DELETE FROM chat WHERE id = ANY(:ids)", ids=chat_ids)


async def list_all_ids(db: Executor, user_id: str) -> list[str]:
    return await db.fetch_all(str, "chats.ids_of", "SELECT id FROM chat WHERE user_id = :user_id", user_id=user_id)
