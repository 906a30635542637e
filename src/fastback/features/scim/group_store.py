"""Rows of `group` and `group_member` as an identity provider sees them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from fastback.features.scim.condition_store import Column
from fastback.kit.db import Database, Executor

_EXTERNAL_ID = "(g.meta::readable -> 'scim' ->> 'external_id')"
_COLUMNS = f"g.id, g.name, {_EXTERNAL_ID}, g.created_at, g.updated_at"
_MEMBER_ELEMENTS = """EXISTS (SELECT 1 FROM (SELECT m.user_id AS value FROM group_member m WHERE m.group_id = g.id) e
    WHERE {test})"""
_MEMBER = Column("exact", "", elements={"sqlite": _MEMBER_ELEMENTS, "postgres": _MEMBER_ELEMENTS})
#: What filters of groups compare, by the name of the attribute in the model of the standard.
FILTER_COLUMNS = {
    "id": Column("exact", "g.id"),
    "external_id": Column("exact", _EXTERNAL_ID, is_nullable=True),
    "display_name": Column("text", "g.name"),
    "members": _MEMBER,
    "members.value": _MEMBER,
    "meta.resource_type": Column("exact", "'Group'"),
    "meta.created": Column("time", "g.created_at"),
    "meta.last_modified": Column("time", "g.updated_at"),
}

FIND_GROUP = f'SELECT {_COLUMNS} FROM "group" g WHERE g.id = :id'
LIST_GROUPS_BY_ID = f'SELECT {_COLUMNS} FROM "group" g WHERE g.id = ANY(:ids)'
FIND_META = 'SELECT meta FROM "group" WHERE id = :id'
LIST_MEMBERS = """
    SELECT m.group_id, u.id, u.name FROM group_member m JOIN "user" u ON u.id = m.user_id
    WHERE m.group_id = ANY(:ids) ORDER BY m.group_id, m.created_at, m.user_id"""


class GroupRow(msgspec.Struct):
    """A group with the columns that the standard has attributes for."""

    id: str
    name: str
    external_id: str | None
    created_at: int
    updated_at: int


class MetaRow(msgspec.Struct):
    meta: msgspec.Raw


class MemberRow(msgspec.Struct):
    """A direct member of a group."""

    group_id: str
    id: str
    name: str


@lru_cache(128)
def _build_page_ids(condition: str) -> str:
    return f"""SELECT g.id FROM "group" g WHERE {condition}
        ORDER BY g.updated_at DESC, g.id LIMIT :limit OFFSET :skip"""


@lru_cache(128)
def _build_count(condition: str) -> str:
    return f'SELECT count(*) FROM "group" g WHERE {condition}'


async def list_page_ids(
    db: Database, condition: str, params: dict[str, Any], *, skip: int, limit: int
) -> tuple[list[str], int]:
    """Return the ids of a page of groups, the last changed first, and how many fulfil a condition."""
    ids = await db.fetch_all_in_thread(
        str, "scim.list_group_ids", _build_page_ids(condition), limit=limit, skip=skip, **params
    )
    if len(ids) < limit and (ids or not skip):
        return ids, skip + len(ids)  # the last page
    counts = await db.fetch_all_in_thread(int, "scim.count_groups", _build_count(condition), **params)
    return ids, counts[0]


async def find_group(db: Executor, group_id: str) -> GroupRow | None:
    """Return a group, or None."""
    return await db.fetch_first(GroupRow, "scim.find_group", FIND_GROUP, id=group_id)


async def list_groups(db: Database, ids: list[str]) -> list[GroupRow]:
    """Return these groups, in this order."""
    rows = await db.fetch_all(GroupRow, "scim.list_groups", LIST_GROUPS_BY_ID, ids=ids) if ids else []
    rows_by_id = {row.id: row for row in rows}
    return [rows_by_id[group_id] for group_id in ids if group_id in rows_by_id]


async def list_members(db: Database, group_ids: list[str]) -> dict[str, list[MemberRow]]:
    """Return the direct members of groups, by the group's id."""
    members: dict[str, list[MemberRow]] = {group_id: [] for group_id in group_ids}
    if group_ids:
        for row in await db.fetch_all_in_thread(MemberRow, "scim.list_members", LIST_MEMBERS, ids=group_ids):
            members[row.group_id].append(row)
    return members


async def get_meta(db: Executor, group_id: str) -> msgspec.Raw:
    """Return the column `meta` of a group; JSON's `null` where there is no such group."""
    row = await db.fetch_first(MetaRow, "scim.get_group_meta", FIND_META, id=group_id)
    return msgspec.Raw(b"null") if row is None else row.meta


def build_meta(meta: msgspec.Raw, external_id: str | None) -> dict[str, Any]:
    """Return the column `meta` of a group with the id that an identity provider gave it."""
    value = msgspec.json.decode(meta)
    fields = dict(value) if isinstance(value, dict) else {}
    entry = fields.get("scim")
    fields["scim"] = {**(entry if isinstance(entry, dict) else {}), "external_id": external_id}
    return fields
