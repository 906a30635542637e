"""Rows of `group`, and the groups that a user belongs to."""

from __future__ import annotations

import time
import uuid
from functools import lru_cache
from typing import Any

import msgspec

from fastback.features.groups.schemas import NamedItem
from fastback.kit.db import Executor
from fastback.kit.db.database import Transaction
from fastback.kit.storable_text import encode_json


class Group(msgspec.Struct):
    """A group as the list of a user's groups shows it."""

    parent_group_id: str | None
    id: str
    user_id: str | None
    name: str
    description: str | None
    data: msgspec.Raw
    meta: msgspec.Raw
    permissions: msgspec.Raw
    created_at: int
    updated_at: int


class CountedGroup(Group):
    """A group with the number of its direct members."""

    member_count: int


class GroupInfo(msgspec.Struct):
    """The fields of a group that every user may see."""

    parent_group_id: str | None
    id: str
    user_id: str | None
    name: str
    description: str | None
    member_count: int
    created_at: int
    updated_at: int


class _ConfigWithModels(msgspec.Struct):
    default_models: list[str] | None = None


class _DataWithModels(msgspec.Struct):
    config: _ConfigWithModels | None = None


class GroupModels(msgspec.Struct):
    """A group with its position in the tree and the default models that its data names."""

    id: str
    parent_group_id: str | None
    created_at: int
    data: msgspec.Raw

    @property
    def models(self) -> list[str]:
        """The default models of the group; empty where its data names none or has another shape."""
        try:
            data = msgspec.json.decode(self.data, type=_DataWithModels | None)
        except msgspec.ValidationError:
            return []
        return (data.config.default_models if data and data.config else None) or []


_COLUMNS = """g.parent_group_id, g.id, g.user_id, g.name, g.description, g.data, g.meta, g.permissions, g.created_at,
    g.updated_at"""
_MEMBER_COUNT = "(SELECT count(*) FROM group_member m WHERE m.group_id = g.id)"
_COUNTED = f'SELECT {_COLUMNS}, {_MEMBER_COUNT} FROM "group" g'
_ORDER = "ORDER BY g.updated_at DESC, g.id"
# A boolean is the text `true` in PostgreSQL and the number 1 in SQLite.
_SHARE = "lower(CAST(g.data::readable -> 'config' ->> 'share' AS TEXT))"

LIST_GROUPS = f"{_COUNTED} {_ORDER}"
LIST_GROUPS_BY_ID = f"{_COUNTED} WHERE g.id = ANY(:ids) {_ORDER}"
LIST_SHAREABLE_GROUPS = f"""{_COUNTED} WHERE g.data IS NULL OR {_SHARE} IS NULL OR {_SHARE} IN ('true', '1')
    OR ({_SHARE} = 'members' AND g.id = ANY(:ids)) {_ORDER}"""
LIST_UNSHAREABLE_GROUPS = f"{_COUNTED} WHERE g.data IS NOT NULL AND {_SHARE} IN ('false', '0') {_ORDER}"
FIND_GROUP = f"{_COUNTED} WHERE g.id = :id"
FIND_GROUP_INFO = f"""
    SELECT g.parent_group_id, g.id, g.user_id, g.name, g.description, {_MEMBER_COUNT}, g.created_at, g.updated_at
    FROM "group" g WHERE g.id = :id"""
HAS_GROUP = 'SELECT 1 FROM "group" WHERE id = :id'
LIST_GROUP_MODELS = 'SELECT id, parent_group_id, created_at, data FROM "group" WHERE id = ANY(:ids)'
LIST_IDS_BY_NAME = 'SELECT id FROM "group" WHERE name = ANY(:names)'
LIST_EXISTING_NAMES = 'SELECT name FROM "group" WHERE name = ANY(:names)'
LIST_CHILD_IDS = 'SELECT id FROM "group" WHERE parent_group_id = :id ORDER BY id'
LIST_NAMED_GROUPS = 'SELECT id, name FROM "group" WHERE name = ANY(:names)'
LIST_IDS_WITH_ANCESTORS = """
    WITH RECURSIVE above(group_id) AS (
        SELECT id FROM "group" WHERE id = :id
        UNION
        SELECT g.parent_group_id FROM "group" g JOIN above a ON g.id = a.group_id WHERE g.parent_group_id IS NOT NULL
    )
    SELECT group_id FROM above"""
LIST_JOINED_GROUPS = f"""
    SELECT {_COLUMNS} FROM "group" g JOIN group_member m ON m.group_id = g.id WHERE m.user_id = :id {_ORDER}"""
LIST_INHERITED_GROUPS = f"""
    WITH RECURSIVE chain(group_id) AS (
        SELECT group_id FROM group_member WHERE user_id = :id
        UNION
        SELECT g.parent_group_id FROM "group" g JOIN chain c ON g.id = c.group_id WHERE g.parent_group_id IS NOT NULL
    )
    SELECT {_COLUMNS} FROM "group" g JOIN chain c ON c.group_id = g.id {_ORDER}"""

INSERT_GROUP = """
    INSERT INTO "group" (id, parent_group_id, user_id, name, description, data, permissions, created_at, updated_at)
    VALUES (:id, :parent_group_id, :user_id, :name, :description, :data, :permissions, :now, :now)"""
MOVE_CHILDREN = 'UPDATE "group" SET parent_group_id = :parent, updated_at = :now WHERE parent_group_id = :id'
DELETE_MEMBERS = "DELETE FROM group_member WHERE group_id = :id"
DELETE_GRANTS = "DELETE FROM access_grant WHERE principal_type = 'group' AND principal_id = :id"
DELETE_GROUP = 'DELETE FROM "group" WHERE id = :id'

_LOCK_POSTGRES = "SELECT pg_advisory_xact_lock(731947205)"


async def lock_groups(tx: Transaction) -> None:
    """Let no other change of groups, by this program or the reference, run beside the transaction."""
    if tx.dialect == "postgres":
        await tx.execute("groups.lock", _LOCK_POSTGRES)


async def list_groups(db: Executor) -> list[CountedGroup]:
    """List all groups."""
    return await db.fetch_all(CountedGroup, "groups.list", LIST_GROUPS)


async def list_groups_by_id(db: Executor, ids: list[str]) -> list[CountedGroup]:
    """List the groups with these ids."""
    return await db.fetch_all(CountedGroup, "groups.list_by_id", LIST_GROUPS_BY_ID, ids=ids)


async def list_shareable_groups(db: Executor, member_ids: list[str]) -> list[CountedGroup]:
    """List the groups that a member of the groups `member_ids` may share with."""
    return await db.fetch_all(CountedGroup, "groups.list_shareable", LIST_SHAREABLE_GROUPS, ids=member_ids)


async def list_unshareable_groups(db: Executor) -> list[CountedGroup]:
    """List the groups that no user may share with."""
    return await db.fetch_all(CountedGroup, "groups.list_unshareable", LIST_UNSHAREABLE_GROUPS)


async def find_group(db: Executor, group_id: str) -> CountedGroup | None:
    """Return a group by id, or None."""
    return await db.fetch_first(CountedGroup, "groups.find", FIND_GROUP, id=group_id)


async def find_group_info(db: Executor, group_id: str) -> GroupInfo | None:
    """Return the public fields of a group, or None."""
    return await db.fetch_first(GroupInfo, "groups.find_info", FIND_GROUP_INFO, id=group_id)


async def has_group(db: Executor, group_id: str) -> bool:
    """Return whether the group exists."""
    return bool(await db.fetch_value("groups.exists", HAS_GROUP, id=group_id))


async def list_group_models(db: Executor, group_ids: list[str]) -> list[GroupModels]:
    """List these groups with the default models that they name."""
    return await db.fetch_all(GroupModels, "groups.list_models", LIST_GROUP_MODELS, ids=group_ids)


async def list_ids_by_name(db: Executor, names: list[str]) -> list[str]:
    """List the ids of the groups with these names."""
    return await db.fetch_all(str, "groups.list_ids_by_name", LIST_IDS_BY_NAME, names=names)


async def list_existing_names(db: Executor, names: list[str]) -> list[str]:
    """List the names that groups have, of these names."""
    return await db.fetch_all(str, "groups.list_existing_names", LIST_EXISTING_NAMES, names=names)


async def list_child_ids(db: Executor, group_id: str) -> list[str]:
    """List the ids of the groups directly below a group."""
    return await db.fetch_all(str, "groups.list_child_ids", LIST_CHILD_IDS, id=group_id)


async def list_named_groups(db: Executor, names: list[str]) -> list[NamedItem]:
    """List the groups with these names; several groups may have the same name."""
    return await db.fetch_all(NamedItem, "groups.list_named", LIST_NAMED_GROUPS, names=names)


async def list_ids_with_ancestors(db: Executor, group_id: str) -> list[str]:
    """List the ids of the group and of all groups above it; empty where the group does not exist."""
    return await db.fetch_all(str, "groups.list_ancestors", LIST_IDS_WITH_ANCESTORS, id=group_id)


async def list_groups_of_user(db: Executor, user_id: str, *, inherited: bool = False) -> list[Group]:
    """List the groups of which a user is a direct member; with `inherited`, also the groups above those."""
    if inherited:
        return await db.fetch_all(Group, "groups.list_inherited", LIST_INHERITED_GROUPS, id=user_id)
    return await db.fetch_all(Group, "groups.list_joined", LIST_JOINED_GROUPS, id=user_id)


async def insert_group(db: Executor, fields: dict[str, Any]) -> str:
    """Insert a group and return its id."""
    row = _build_row(fields)
    await db.execute("groups.insert", INSERT_GROUP, **row)
    return str(row["id"])


async def insert_groups(db: Executor, groups: list[dict[str, Any]]) -> None:
    """Insert groups with these fields."""
    await db.execute_many("groups.insert", INSERT_GROUP, [_build_row(fields) for fields in groups])


def _build_row(fields: dict[str, Any]) -> dict[str, Any]:
    return {"id": str(uuid.uuid4()), "now": int(time.time()), **_encode_columns(fields)}


async def update_group(db: Executor, group_id: str, fields: dict[str, Any]) -> None:
    """Update columns of a group and its time of change; without `fields`, only the time."""
    await db.execute(
        "groups.update",
        _build_update(tuple(fields)),
        id=group_id,
        now=int(time.time()),
        **_encode_columns(fields),
    )


@lru_cache(64)
def _build_update(columns: tuple[str, ...]) -> str:
    assignments = "".join(f"{name} = :{name}, " for name in columns)
    return f'UPDATE "group" SET {assignments}updated_at = :now WHERE id = :id'


def _encode_columns(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the values as the columns store them: objects as JSON."""
    return {name: encode_json(value) if isinstance(value, dict) else value for name, value in fields.items()}


async def delete_group(db: Executor, group_id: str, parent_group_id: str | None) -> None:
    """Delete a group, its memberships and the grants to it; its child groups become children of its parent."""
    now = int(time.time())
    await db.execute("groups.move_children", MOVE_CHILDREN, id=group_id, parent=parent_group_id, now=now)
    await db.execute("groups.delete_members", DELETE_MEMBERS, id=group_id)
    await db.execute("groups.delete_grants", DELETE_GRANTS, id=group_id)
    await db.execute("groups.delete", DELETE_GROUP, id=group_id)
