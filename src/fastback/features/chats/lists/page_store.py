"""Pages of the lists in the sidebar: of the chats outside of folders, and of the chats in one folder."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Literal, TypeVar

import msgspec

from fastback.features.chats.fragments import IS_WAITING, NO_INDEX, VISIBLE_CHAT
from fastback.features.chats.store import NO_LIMIT, ChatTitle
from fastback.kit.db import Database
from fastback.kit.db.database import Dialect

R = TypeVar("R")

#: Entries on a page of a long list.
PAGE_SIZE = 60
#: Entries on a page of a folder's list.
FOLDER_PAGE_SIZE = 10
#: Pages behind so many entries are read in a thread: the entries before them are skipped one by one.
_MANY = 2000

#: A part of a list: chats that wait for their owner, or all others.
Part = Literal["waiting", "others"]
_PARTS: dict[Part | None, tuple[str, ...]] = {None: (), "waiting": (IS_WAITING,), "others": (f"NOT {IS_WAITING}",)}
_TITLE = "c.id, c.title, c.updated_at, c.created_at, c.last_read_at"
_NOT_PINNED = "(c.pinned = FALSE OR c.pinned IS NULL)"


class PageOrder(msgspec.Struct, frozen=True):
    """The order of a list: by `title`, `unread_updated_at` (unread chats first), or (any other name) last change."""

    sort_by: str
    direction: str

    @property
    def begins_with_unread(self) -> bool:
        """Whether unread chats come first, except those whose answer is being written."""
        return self.sort_by == "unread_updated_at"

    @property
    def needs_all(self) -> bool:
        """Whether the database sorts all entries to find a page."""
        return self.sort_by == "title"

    def build_terms(self, dialect: Dialect, part: Part | None) -> str:
        """Return the terms of the `ORDER BY` clause for a part of the list."""
        if self.begins_with_unread:
            # The plus keeps PostgreSQL from looking for waiting chats among all chats in their order.
            return f"{'+' if part == 'waiting' and dialect == 'postgres' else ''}c.updated_at DESC, c.id"
        column = "c.title" if self.sort_by == "title" else "c.updated_at"
        return f"{column} {'ASC' if self.direction == 'asc' else 'DESC'}, c.id"


async def fetch_unread_first(
    fetch: Callable[[Part, int, int], Awaitable[list[R]]], count: Callable[[], Awaitable[int]], *, skip: int, size: int
) -> list[R]:
    """Return a page of a list that begins with its waiting chats.

    `fetch` returns entries of a part by (part, skip, size), `count` the number of waiting chats. Two statements read
    what the page shows; one that sorts by the part would read the whole list.
    """
    first = await fetch("waiting", skip, size)
    if len(first) == size:
        return first
    waiting = skip + len(first) if first or not skip else await count()
    return first + await fetch("others", max(skip - waiting, 0), size - len(first))


class Scope(msgspec.Struct, frozen=True):
    """Which of a user's chats a list contains: those of a folder, or those without one unless `with_folders`."""

    in_folder: bool = False
    with_folders: bool = False
    with_pinned: bool = False


def _build_conditions(dialect: Dialect, scope: Scope, part: Part | None) -> str:
    # The index of unread chats begins with the owner and the folder. For the others the order of the list decides.
    no_index = "" if part == "waiting" else NO_INDEX[dialect]
    if scope.in_folder:
        conditions = [f"{no_index}c.user_id = :user_id", "c.folder_id = :folder_id"]
    elif scope.with_folders:
        conditions = ["c.user_id = :user_id"]
    else:
        conditions = ["c.user_id = :user_id", f"{no_index}c.folder_id IS NULL"]
    conditions.append(f"{NO_INDEX[dialect]}c.archived = FALSE")
    if not scope.with_pinned:
        conditions.append(_NOT_PINNED)
    return " AND ".join([*conditions, *_PARTS[part], VISIBLE_CHAT[dialect]])


@cache
def _build_page(dialect: Dialect, scope: Scope, part: Part | None, order: str) -> str:
    where = _build_conditions(dialect, scope, part)
    return f"SELECT {_TITLE} FROM chat c WHERE {where} ORDER BY {order} LIMIT :size OFFSET :skip"


@cache
def _build_count(dialect: Dialect, scope: Scope) -> str:
    return f"SELECT count(*) FROM chat c WHERE {_build_conditions(dialect, scope, 'waiting')}"


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
    scope = Scope(with_folders=with_folders, with_pinned=with_pinned)
    skip, size = (0, NO_LIMIT) if page is None else ((max(page, 1) - 1) * size, size)
    return await _list_page(db, scope, PageOrder(sort_by, direction), skip=skip, size=size, user_id=user_id)


async def list_folder_chats(
    db: Database,
    user_id: str,
    folder_id: str,
    *,
    page: int,
    sort_by: str,
    direction: str,
    size: int = FOLDER_PAGE_SIZE,
) -> list[ChatTitle]:
    """Return a user's chats in a folder, `size` a page, pages counted from 1."""
    skip = (max(page, 1) - 1) * size
    scope, order = Scope(in_folder=True), PageOrder(sort_by, direction)
    return await _list_page(db, scope, order, skip=skip, size=size, user_id=user_id, folder_id=folder_id)


async def _list_page(
    db: Database, scope: Scope, order: PageOrder, *, skip: int, size: int, **params: str
) -> list[ChatTitle]:
    async def fetch(part: Part | None, skip: int, size: int) -> list[ChatTitle]:
        text = _build_page(db.dialect, scope, part, order.build_terms(db.dialect, part))
        bounds = {"skip": skip, "size": size}
        if order.needs_all or skip + size > _MANY:
            return await db.fetch_all_in_thread(ChatTitle, "chats.list_many", text, **bounds, **params)
        return await db.fetch_all(ChatTitle, "chats.list", text, **bounds, **params)

    async def count_waiting() -> int:
        return int(await db.fetch_value("chats.count_waiting", _build_count(db.dialect, scope), **params) or 0)

    if order.begins_with_unread:
        return await fetch_unread_first(fetch, count_waiting, skip=skip, size=size)
    return await fetch(None, skip, size)
