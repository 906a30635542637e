"""Lists of chats: titles in pages, and the ids of the chats that exports contain."""

from __future__ import annotations

from functools import cache

from fastback.features.chats import fragments
from fastback.features.chats.store import NO_LIMIT, ChatTitle
from fastback.kit.db import Database, Executor
from fastback.kit.db.database import Dialect

_TITLE = "id, title, updated_at, created_at, last_read_at"
#: Entries on a page of a long list.
PAGE_SIZE = 60
#: Entries on a page of a folder's list.
FOLDER_PAGE_SIZE = 10
_NOT_PINNED = "(pinned = FALSE OR pinned IS NULL)"
_TITLE_MATCHES = "(CAST(:query AS TEXT) IS NULL OR lower(title) LIKE :query)"

#: Unread chats first, except those whose answer is still streaming; then the last changed.
_UNREAD_FIRST = """CASE WHEN updated_at > COALESCE(last_read_at, 0) AND NOT EXISTS (
    SELECT 1 FROM chat_message m WHERE m.chat_id = chat.id AND m.role = 'assistant' AND m.done = FALSE)
    THEN 1 ELSE 0 END DESC, updated_at DESC, id"""
_SORTABLE_COLUMNS = frozenset(
    {"id", "title", "created_at", "updated_at", "last_read_at", "folder_id", "share_id", "pinned"}
)

#: The plus keeps SQLite from scanning all chats in their order: few of them are pinned.
LIST_PINNED_CHATS = {
    dialect: f"""SELECT {_TITLE} FROM chat WHERE user_id = :user_id AND pinned = TRUE AND archived = FALSE
        AND {visible} ORDER BY +updated_at DESC"""
    for dialect, visible in fragments.VISIBLE.items()
}
COUNT_ARCHIVED_CHATS = {
    dialect: f"SELECT count(*) FROM chat WHERE user_id = :user_id AND archived = TRUE AND {visible}"
    for dialect, visible in fragments.VISIBLE.items()
}
LIST_IDS_IN_FOLDERS = {
    dialect: f"""SELECT id FROM chat WHERE user_id = :user_id AND folder_id = ANY(:ids) AND archived = FALSE
        AND {_NOT_PINNED} AND {visible} ORDER BY updated_at DESC, id"""
    for dialect, visible in fragments.VISIBLE.items()
}
_HAS_TAG = {
    "sqlite": "EXISTS (SELECT 1 FROM json_each(meta, '$.tags') t WHERE t.value = :tag)",
    "postgres": """json_typeof(meta -> 'tags') = 'array'
        AND EXISTS (SELECT 1 FROM json_array_elements_text(meta -> 'tags') t WHERE t = :tag)""",
}
LIST_TAGGED_CHATS = {
    dialect: f"""SELECT {_TITLE} FROM chat WHERE user_id = :user_id AND {_HAS_TAG[dialect]} AND {visible}
        ORDER BY updated_at DESC, id LIMIT :limit OFFSET :skip"""
    for dialect, visible in fragments.VISIBLE.items()
}
_OWNER_OR_ANY = "(CAST(:user_id AS TEXT) IS NULL OR user_id = :user_id)"
LIST_VISIBLE_IDS = {
    dialect: f"SELECT id FROM chat WHERE {_OWNER_OR_ANY} AND {visible} ORDER BY updated_at DESC, id"
    for dialect, visible in fragments.VISIBLE.items()
}
LIST_ARCHIVED_IDS = {
    dialect: f"""SELECT id FROM chat WHERE {_OWNER_OR_ANY} AND {visible} AND archived = TRUE
        ORDER BY updated_at DESC, id"""
    for dialect, visible in fragments.VISIBLE.items()
}


def _build_page_order(sort_by: str, direction: str) -> str:
    """Return the order of the sidebar: by title, unread chats first, or (any other name) by the last change."""
    if sort_by == "unread_updated_at":
        return _UNREAD_FIRST
    column = "title" if sort_by == "title" else "updated_at"
    return f"{column} {'ASC' if direction == 'asc' else 'DESC'}, id"


def _build_column_order(column: str | None, direction: str | None) -> str:
    """Return the order of the tables of chats: by any column, if a direction is named too."""
    if column in _SORTABLE_COLUMNS and direction:
        return f"{column} {'ASC' if direction.lower() == 'asc' else 'DESC'}, id"
    return "updated_at DESC, id"


@cache
def _build_list(dialect: Dialect, order: str, *, paged: bool, with_folders: bool, with_pinned: bool) -> str:
    conditions = [fragments.VISIBLE[dialect], "archived = FALSE"]
    if not with_folders:
        conditions.append("folder_id IS NULL")
    if not with_pinned:
        conditions.append(_NOT_PINNED)
    limit = "LIMIT :size OFFSET :skip" if paged else ""
    return f"""SELECT {_TITLE} FROM chat WHERE user_id = :user_id AND {" AND ".join(conditions)}
        ORDER BY {order} {limit}"""


@cache
def _build_folder_list(dialect: Dialect, order: str) -> str:
    return f"""SELECT {_TITLE} FROM chat WHERE user_id = :user_id AND folder_id = :folder_id AND archived = FALSE
        AND {_NOT_PINNED} AND {fragments.VISIBLE[dialect]} ORDER BY {order} LIMIT :size OFFSET :skip"""


@cache
def _build_archived_list(dialect: Dialect, order: str) -> str:
    return f"""SELECT id, title, updated_at, created_at, CAST(NULL AS BIGINT) FROM chat
        WHERE user_id = :user_id AND archived = TRUE AND {fragments.VISIBLE[dialect]} AND {_TITLE_MATCHES}
        ORDER BY {order} LIMIT :size OFFSET :skip"""


@cache
def _build_user_list(dialect: Dialect, order: str) -> str:
    return f"""SELECT {_TITLE} FROM chat WHERE user_id = :user_id AND {fragments.VISIBLE[dialect]} AND {_TITLE_MATCHES}
        ORDER BY {order} LIMIT :size OFFSET :skip"""


def _build_pattern(query: str | None) -> str | None:
    return f"%{query.lower()}%" if query else None


def _skip(page: int | None, size: int = PAGE_SIZE) -> int:
    """Return the number of entries before a page; pages are counted from 1, None is the first."""
    return (max(page or 1, 1) - 1) * size


async def list_chats(
    db: Database,
    user_id: str,
    *,
    page: int | None,
    with_folders: bool = False,
    with_pinned: bool = False,
    sort_by: str = "updated_at",
    direction: str = "desc",
    size: int = PAGE_SIZE,
) -> list[ChatTitle]:
    """Return a user's chats, `size` a page, pages counted from 1; all of them if `page` is None."""
    text = _build_list(
        db.dialect,
        _build_page_order(sort_by, direction),
        paged=page is not None,
        with_folders=with_folders,
        with_pinned=with_pinned,
    )
    if page is None:
        # A user may have many thousands of chats; the sidebar asks for one page at a time.
        return await db.fetch_all_in_thread(ChatTitle, "chats.list_all", text, user_id=user_id)
    return await db.fetch_all(ChatTitle, "chats.list", text, user_id=user_id, size=size, skip=_skip(max(page, 1), size))


async def list_pinned_chats(db: Executor, user_id: str) -> list[ChatTitle]:
    """Return a user's pinned chats, last changed first."""
    return await db.fetch_all(ChatTitle, "chats.list_pinned", LIST_PINNED_CHATS[db.dialect], user_id=user_id)


async def list_archived_chats(
    db: Database, user_id: str, *, query: str | None, sort_by: str | None, direction: str | None, page: int | None
) -> list[ChatTitle]:
    """Return a user's archived chats, 60 a page; their `last_read_at` is always None."""
    return await db.fetch_all_in_thread(
        ChatTitle,
        "chats.list_archived",
        _build_archived_list(db.dialect, _build_column_order(sort_by, direction)),
        user_id=user_id,
        query=_build_pattern(query),
        size=PAGE_SIZE,
        skip=_skip(page),
    )


async def list_user_chats(
    db: Database, user_id: str, *, query: str | None, sort_by: str | None, direction: str | None, page: int | None
) -> list[ChatTitle]:
    """Return all chats of a user, archived ones too, 60 a page."""
    return await db.fetch_all_in_thread(
        ChatTitle,
        "chats.list_of_user",
        _build_user_list(db.dialect, _build_column_order(sort_by, direction)),
        user_id=user_id,
        query=_build_pattern(query),
        size=PAGE_SIZE,
        skip=_skip(page),
    )


async def count_archived_chats(db: Database, user_id: str) -> int:
    """Return the number of a user's archived chats."""
    text = COUNT_ARCHIVED_CHATS[db.dialect]
    return (await db.fetch_all_in_thread(int, "chats.count_archived", text, user_id=user_id))[0]


async def list_folder_chats(
    db: Executor,
    user_id: str,
    folder_id: str,
    *,
    page: int,
    sort_by: str,
    direction: str,
    size: int = FOLDER_PAGE_SIZE,
) -> list[ChatTitle]:
    """Return a user's chats in a folder, `size` a page, pages counted from 1."""
    return await db.fetch_all(
        ChatTitle,
        "chats.list_in_folder",
        _build_folder_list(db.dialect, _build_page_order(sort_by, direction)),
        user_id=user_id,
        folder_id=folder_id,
        size=size,
        skip=_skip(page, size),
    )


async def list_tagged_chats(db: Database, user_id: str, tag: str, *, skip: int, limit: int) -> list[ChatTitle]:
    """Return a user's chats with a tag, last changed first; a `limit` of zero or less means no limit."""
    return await db.fetch_all_in_thread(
        ChatTitle,
        "chats.list_tagged",
        LIST_TAGGED_CHATS[db.dialect],
        user_id=user_id,
        tag=tag,
        skip=max(skip, 0),
        limit=limit if limit > 0 else NO_LIMIT,
    )


async def list_ids_in_folders(db: Database, user_id: str, folder_ids: list[str]) -> list[str]:
    """Return the ids of a user's listed chats in these folders, last changed first."""
    text = LIST_IDS_IN_FOLDERS[db.dialect]
    return await db.fetch_all_in_thread(str, "chats.list_ids_in_folders", text, user_id=user_id, ids=folder_ids)


async def list_visible_ids(db: Database, user_id: str | None, *, archived: bool = False) -> list[str]:
    """Return the ids of a user's listed chats, or of all users', last changed first; with `archived` only those."""
    if archived:
        text = LIST_ARCHIVED_IDS[db.dialect]
        return await db.fetch_all_in_thread(str, "chats.list_archived_ids", text, user_id=user_id)
    return await db.fetch_all_in_thread(str, "chats.list_visible_ids", LIST_VISIBLE_IDS[db.dialect], user_id=user_id)
