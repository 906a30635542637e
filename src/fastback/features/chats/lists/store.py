"""Lists of chats in tables, and the ids of the chats that exports contain; see `page_store` for the sidebar."""

from __future__ import annotations

from functools import cache

from fastback.features.chats import fragments
from fastback.features.chats.fragments import NO_INDEX
from fastback.features.chats.store import NO_LIMIT, ChatTitle
from fastback.kit.db import Database, Executor
from fastback.kit.db.database import Dialect

_TITLE = "id, title, updated_at, created_at, last_read_at"
#: Entries on a page of a long list.
PAGE_SIZE = 60
_NOT_PINNED = "(pinned = FALSE OR pinned IS NULL)"
_TITLE_MATCHES = "(CAST(:query AS TEXT) IS NULL OR lower(title) LIKE :query)"

_SORTABLE_COLUMNS = frozenset(
    {"id", "title", "created_at", "updated_at", "last_read_at", "folder_id", "share_id", "pinned"}
)

#: Few chats are pinned: the plus keeps SQLite from scanning all chats in their order.
LIST_PINNED_CHATS = {
    dialect: f"""SELECT {_TITLE} FROM chat
        WHERE user_id = :user_id AND pinned = TRUE AND {NO_INDEX[dialect]}archived = FALSE
        AND {visible} ORDER BY +updated_at DESC"""
    for dialect, visible in fragments.VISIBLE.items()
}
COUNT_ARCHIVED_CHATS = {
    dialect: f"SELECT count(*) FROM chat WHERE user_id = :user_id AND archived = TRUE AND {visible}"
    for dialect, visible in fragments.VISIBLE.items()
}
LIST_IDS_IN_FOLDERS = {
    dialect: f"""SELECT id FROM chat WHERE folder_id = ANY(:ids) AND {NO_INDEX[dialect]}user_id = :user_id
        AND {NO_INDEX[dialect]}archived = FALSE AND {_NOT_PINNED} AND {visible} ORDER BY +updated_at DESC, id"""
    for dialect, visible in fragments.VISIBLE.items()
}
_HAS_TAG = {
    "sqlite": f"EXISTS (SELECT 1 FROM json_each({fragments.TAGS_SQLITE}) t WHERE t.value = :tag)",
    "postgres": f"""EXISTS (SELECT 1 FROM json_array_elements_text(
        {fragments.TAGS_POSTGRES.replace("c.meta", "meta")}) t WHERE t = :tag)""",
}
LIST_TAGGED_CHATS = {
    dialect: f"""SELECT {_TITLE} FROM chat WHERE user_id = :user_id AND {_HAS_TAG[dialect]} AND {visible}
        ORDER BY updated_at DESC, id LIMIT :limit OFFSET :skip"""
    for dialect, visible in fragments.VISIBLE.items()
}
LIST_VISIBLE_IDS = {
    dialect: f"SELECT id FROM chat WHERE user_id = :user_id AND {visible} ORDER BY updated_at DESC, id"
    for dialect, visible in fragments.VISIBLE.items()
}
LIST_VISIBLE_IDS_OF_ALL = {
    dialect: f"SELECT id FROM chat WHERE {visible} ORDER BY updated_at DESC, id"
    for dialect, visible in fragments.VISIBLE.items()
}
LIST_ARCHIVED_IDS = {
    dialect: f"""SELECT id FROM chat WHERE user_id = :user_id AND archived = TRUE AND {visible}
        ORDER BY updated_at DESC, id"""
    for dialect, visible in fragments.VISIBLE.items()
}


def _build_column_order(column: str | None, direction: str | None) -> str:
    """Return the order of the tables of chats: by any column, if a direction is named too."""
    if column in _SORTABLE_COLUMNS and direction:
        return f"{column} {'ASC' if direction.lower() == 'asc' else 'DESC'}, id"
    return "updated_at DESC, id"


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


async def list_visible_ids(db: Database, user_id: str) -> list[str]:
    """Return the ids of a user's listed chats, last changed first."""
    return await db.fetch_all_in_thread(str, "chats.list_visible_ids", LIST_VISIBLE_IDS[db.dialect], user_id=user_id)


async def list_visible_ids_of_all(db: Database) -> list[str]:
    """Return the ids of the listed chats of all users, last changed first."""
    return await db.fetch_all_in_thread(str, "chats.list_visible_ids_of_all", LIST_VISIBLE_IDS_OF_ALL[db.dialect])


async def list_archived_ids(db: Database, user_id: str) -> list[str]:
    """Return the ids of a user's archived chats, last changed first."""
    return await db.fetch_all_in_thread(str, "chats.list_archived_ids", LIST_ARCHIVED_IDS[db.dialect], user_id=user_id)
