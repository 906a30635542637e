"""The users who may read a channel: members of a group channel; by grants, the readers of a standard one."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import msgspec

from fastback.features.users.store import build_default_picture_url
from fastback.kit.db import Database, Executor

#: Users on a page.
PAGE_SIZE = 30

Audience = Literal["members", "granted", "everybody"]

#: By audience, the condition on a user `u` that they belong to it.
_CONDITIONS: dict[Audience, str] = {
    "members": """u.id IN (SELECT m.user_id FROM channel_member m
        WHERE m.channel_id = :channel_id AND m.user_id IS NOT NULL)""",
    "granted": """u.role <> 'pending' AND (u.id = ANY(:user_ids) OR u.id IN (
        SELECT gm.user_id FROM group_member gm WHERE gm.group_id IN (SELECT b.group_id FROM below b)))""",
    "everybody": "u.role <> 'pending'",
}
#: The groups `:group_ids` and all groups below them.
_BELOW = """WITH RECURSIVE below(group_id) AS (
        SELECT id FROM "group" WHERE id = ANY(:group_ids)
        UNION
        SELECT g.id FROM "group" g JOIN below b ON g.parent_group_id = b.group_id)"""
_MATCHES = "(lower(u.name) LIKE :query OR lower(u.email) LIKE :query)"
_COLUMNS = """u.id, u.email, u.name, u.role, u.profile_image_url, u.presence_state, u.status_emoji, u.status_message,
    u.status_expires_at, u.last_active_at"""
_SORTABLE = ("name", "email", "role", "created_at", "last_active_at", "updated_at")
_IN_GROUP = "EXISTS (SELECT 1 FROM group_member sg WHERE sg.user_id = u.id AND sg.group_id = :sorting_group)"

LOAD_READERS = f'SELECT {_COLUMNS} FROM "user" u WHERE u.id = ANY(:ids)'
LIST_MEMBERS = f'SELECT {_COLUMNS} FROM "user" u WHERE {_CONDITIONS["members"]} ORDER BY u.created_at, u.id'


class Readers(msgspec.Struct, frozen=True):
    """An audience, and the parameters of its condition."""

    audience: Audience
    params: dict[str, Any]


class ReaderQuery(msgspec.Struct, frozen=True):
    """A page of readers, and their order: `order_by` is a column, or `group_id:<id>` for members of that group first.

    `direction` is `asc`, or anything else for the other way round; `query` is part of a name or an address.
    """

    query: str | None
    order_by: str | None
    direction: str | None
    skip: int

    @property
    def sorting_group(self) -> str | None:
        """The group whose members come first."""
        return self.order_by.partition(":")[2] if self.order_by and self.order_by.startswith("group_id:") else None

    @property
    def order(self) -> str:
        """The sort key: one of `_SORTABLE`, `group`, or none, and the direction."""
        direction = "ASC" if self.direction == "asc" else "DESC"
        if self.sorting_group is not None:
            return f"group {direction}"
        return f"{self.order_by} {direction}" if self.order_by in _SORTABLE else "none"


class Reader(msgspec.Struct):
    """A user who may read a channel; `last_active_at` in seconds."""

    id: str
    email: str
    name: str
    role: str
    profile_image_url: str | None
    presence_state: str | None
    status_emoji: str | None
    status_message: str | None
    status_expires_at: int | None
    last_active_at: int | None


class ReaderEntry(msgspec.Struct):
    """The id of a reader, and the number of readers on all pages."""

    id: str
    total: int


def _build_head(audience: Audience) -> str:
    return _BELOW if audience == "granted" else ""


def _build_condition(audience: Audience, *, has_query: bool) -> str:
    return f"{_CONDITIONS[audience]} AND {_MATCHES}" if has_query else _CONDITIONS[audience]


@cache
def _build_count(audience: Audience, *, has_query: bool) -> str:
    return (
        f'{_build_head(audience)} SELECT count(*) FROM "user" u WHERE {_build_condition(audience, has_query=has_query)}'
    )


@cache
def _build_ids(audience: Audience) -> str:
    return f'{_build_head(audience)} SELECT u.id FROM "user" u WHERE {_CONDITIONS[audience]}'


@cache
def _build_page(audience: Audience, order: str, *, has_query: bool) -> str:
    key, _, direction = order.partition(" ")
    keys = {"none": "u.created_at", "group": f"CASE WHEN {_IN_GROUP} THEN 1 ELSE 0 END {direction}, u.name"}
    where = _build_condition(audience, has_query=has_query)
    return f"""{_build_head(audience)} SELECT u.id, count(*) OVER () FROM "user" u WHERE {where}
        ORDER BY {keys.get(key, f"u.{key} {direction}")}, u.id LIMIT {PAGE_SIZE} OFFSET :skip"""


async def count_readers(db: Database, readers: Readers, query: str | None = None) -> int:
    """Count the users who may read a channel; `query` is part of a name or an address."""
    text = _build_count(readers.audience, has_query=bool(query))
    params = {**readers.params, "query": _build_pattern(query)} if query else readers.params
    return (await db.fetch_all_in_thread(int, "channels.count_readers", text, **params))[0]


def _build_pattern(query: str) -> str:
    return f"%{query.lower()}%"


async def list_reader_ids(db: Database, readers: Readers) -> set[str]:
    """Return the users who may read a channel."""
    text = _build_ids(readers.audience)
    return set(await db.fetch_all_in_thread(str, "channels.list_reader_ids", text, **readers.params))


async def list_reader_page(db: Database, readers: Readers, query: ReaderQuery) -> tuple[list[Reader], int]:
    """Return a page of readers, and their number on all pages."""
    params: dict[str, Any] = {**readers.params, "skip": query.skip}
    if query.query:
        params["query"] = _build_pattern(query.query)
    if query.sorting_group is not None:
        params["sorting_group"] = query.sorting_group
    text = _build_page(readers.audience, query.order, has_query=bool(query.query))
    # In a thread: every reader is tested and sorted. Pictures are read for the page only.
    entries = await db.fetch_all_in_thread(ReaderEntry, "channels.list_reader_page", text, **params)
    if not entries:
        return [], await count_readers(db, readers, query.query) if query.skip else 0
    ids = [entry.id for entry in entries]
    rows = {row.id: row for row in await db.fetch_all(Reader, "channels.load_readers", LOAD_READERS, ids=ids)}
    return [_add_picture(rows[user_id]) for user_id in ids if user_id in rows], entries[0].total


async def list_members(db: Executor, channel_id: str) -> list[Reader]:
    """Return all members of a channel."""
    rows = await db.fetch_all(Reader, "channels.list_member_readers", LIST_MEMBERS, channel_id=channel_id)
    return [_add_picture(row) for row in rows]


def _add_picture(reader: Reader) -> Reader:
    reader.profile_image_url = reader.profile_image_url or build_default_picture_url(reader.id)
    return reader
