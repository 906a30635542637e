"""Rows of `group_member`: the members of a group, direct or through a group below it."""

from __future__ import annotations

import time
import uuid
from typing import Literal

import msgspec

from fastback.features.groups.schemas import InspectedMember, Member, MemberPage, Membership
from fastback.kit.db import Executor
from fastback.kit.db.database import Transaction

#: Members on a page.
PAGE = 30

Scope = Literal["direct", "inherited", "effective"]

#: The group `:id` and all groups below it.
_BELOW = """
    WITH RECURSIVE below(group_id) AS (
        SELECT id FROM "group" WHERE id = :id
        UNION
        SELECT g.id FROM "group" g JOIN below b ON g.parent_group_id = b.group_id
    )"""
_IS_BELOW = "m.group_id IN (SELECT b.group_id FROM below b)"
_EFFECTIVE = f"SELECT m.user_id FROM group_member m WHERE {_IS_BELOW}"
_DIRECT = "SELECT m.user_id FROM group_member m WHERE m.group_id = :id"
_SCOPES: dict[Scope, str] = {
    "effective": f"u.id IN ({_EFFECTIVE})",
    "direct": f"u.id IN ({_DIRECT})",
    "inherited": f"u.id IN ({_EFFECTIVE}) AND u.id NOT IN ({_DIRECT})",
}
_MATCHES = "(lower(u.name) LIKE :query OR lower(u.email) LIKE :query)"


def _build_page(scope: Scope) -> str:
    return f"""{_BELOW} SELECT u.id, u.name, u.email, u.role FROM "user" u WHERE {_SCOPES[scope]} AND {_MATCHES}
        ORDER BY u.name, u.id LIMIT {PAGE} OFFSET :skip"""


def _build_page_count(scope: Scope) -> str:
    return f'{_BELOW} SELECT count(*) FROM "user" u WHERE {_SCOPES[scope]} AND {_MATCHES}'


LIST_EFFECTIVE_IDS = f"{_BELOW} SELECT DISTINCT user_id FROM ({_EFFECTIVE}) e"
LIST_DIRECT_IDS = "SELECT user_id FROM group_member WHERE group_id = :id ORDER BY created_at, user_id"
FILTER_MEMBERS = "SELECT user_id FROM group_member WHERE group_id = :id AND user_id = ANY(:ids)"
LIST_DIRECT_MEMBERS = """
    SELECT u.status_emoji, u.status_message, u.status_expires_at, u.id, u.name, u.email, u.role, u.bio,
        u.last_active_at, u.timezone
    FROM "user" u JOIN group_member m ON m.user_id = u.id WHERE m.group_id = :id ORDER BY u.created_at, u.id"""
LIST_MEMBERS = {scope: _build_page(scope) for scope in _SCOPES}
COUNT_MEMBERS = {scope: _build_page_count(scope) for scope in _SCOPES}
LIST_MEMBERSHIPS = f"""
    {_BELOW} SELECT m.user_id, m.group_id FROM group_member m WHERE m.user_id = ANY(:ids) AND {_IS_BELOW}"""
COUNT_DIRECT_MEMBERS = f"SELECT count(*) FROM ({_DIRECT}) d"
COUNT_EFFECTIVE_MEMBERS = f"{_BELOW} SELECT count(DISTINCT user_id) FROM ({_EFFECTIVE}) e"
LIST_EXISTING_USERS = 'SELECT id FROM "user" WHERE id = ANY(:ids)'
LIST_JOINED_IDS = "SELECT group_id FROM group_member WHERE user_id = :id"

INSERT_MEMBER = """
    INSERT INTO group_member (id, group_id, user_id, created_at, updated_at)
    VALUES (:id, :group_id, :user_id, :now, :now)"""
DELETE_MEMBERS = "DELETE FROM group_member WHERE group_id = :id AND user_id = ANY(:ids)"
JOIN_GROUP = """
    INSERT INTO group_member (id, group_id, user_id, created_at, updated_at)
    SELECT :id, g.id, :user_id, :now, :now FROM "group" g WHERE g.id = :group_id
    ON CONFLICT (group_id, user_id) DO NOTHING"""
LEAVE_GROUPS = "DELETE FROM group_member WHERE user_id = :user_id AND group_id = ANY(:group_ids)"


class _MemberRow(msgspec.Struct):
    id: str
    name: str
    email: str
    role: str


class _MembershipRow(msgspec.Struct):
    user_id: str
    group_id: str


async def list_effective_ids(db: Executor, group_id: str) -> list[str]:
    """List the ids of direct and inherited members: the group's permissions apply to all of them."""
    return await db.fetch_all(str, "groups.list_effective_ids", LIST_EFFECTIVE_IDS, id=group_id)


async def list_direct_ids(db: Executor, group_id: str) -> list[str]:
    """List the ids of the group's direct members."""
    return await db.fetch_all(str, "groups.list_direct_ids", LIST_DIRECT_IDS, id=group_id)


async def list_direct_members(db: Executor, group_id: str) -> list[Member]:
    """List the direct members, with the fields that lists of users show."""
    return await db.fetch_all(Member, "groups.list_direct_members", LIST_DIRECT_MEMBERS, id=group_id)


async def list_member_page(db: Executor, group_id: str, *, scope: Scope, query: str, page: int) -> MemberPage:
    """Return a page of matching members: `query` is part of a name or an address, pages are counted from 1."""
    pattern = f"%{query.lower()}%"
    rows = await db.fetch_all(
        _MemberRow, "groups.list_members", LIST_MEMBERS[scope], id=group_id, query=pattern, skip=(page - 1) * PAGE
    )
    total = await db.fetch_value("groups.count_members", COUNT_MEMBERS[scope], id=group_id, query=pattern)
    memberships = await _list_memberships(db, group_id, [row.id for row in rows])
    items = []
    for row in rows:
        membership: Membership = "direct" if group_id in memberships[row.id] else "inherited"
        items.append(
            InspectedMember(
                id=row.id,
                name=row.name,
                email=row.email,
                role=row.role,
                membership_type=membership,
                via_group_ids=sorted(via_id for via_id in memberships[row.id] if via_id != group_id),
            )
        )
    return MemberPage(items, int(total or 0), await _count_members(db, group_id))


async def _list_memberships(db: Executor, group_id: str, user_ids: list[str]) -> dict[str, list[str]]:
    """Return, for each user, the groups among this one and those below it of which the user is a direct member."""
    memberships: dict[str, list[str]] = {user_id: [] for user_id in user_ids}
    if user_ids:
        for row in await db.fetch_all(
            _MembershipRow, "groups.list_memberships", LIST_MEMBERSHIPS, id=group_id, ids=user_ids
        ):
            memberships[row.user_id].append(row.group_id)
    return memberships


async def _count_members(db: Executor, group_id: str) -> dict[str, int]:
    direct = int(await db.fetch_value("groups.count_direct", COUNT_DIRECT_MEMBERS, id=group_id) or 0)
    effective = int(await db.fetch_value("groups.count_effective", COUNT_EFFECTIVE_MEMBERS, id=group_id) or 0)
    return {"direct": direct, "effective": effective, "inherited": effective - direct}


async def filter_existing_users(db: Executor, user_ids: list[str]) -> list[str]:
    """Return the ids that belong to users."""
    return await db.fetch_all(str, "groups.list_existing_users", LIST_EXISTING_USERS, ids=user_ids)


async def list_joined_ids(db: Executor, user_id: str) -> set[str]:
    """Return the ids of the groups of which a user is a direct member."""
    return set(await db.fetch_all(str, "groups.list_joined_ids", LIST_JOINED_IDS, id=user_id))


async def add_members(db: Executor, group_id: str, user_ids: list[str]) -> list[str]:
    """Add users to a group and return the ids of the new members."""
    present = set(await list_direct_ids(db, group_id))
    added = [user_id for user_id in dict.fromkeys(user_ids) if user_id not in present]
    await insert_members(db, group_id, added)
    return added


async def filter_members(db: Executor, group_id: str, user_ids: list[str]) -> list[str]:
    """Return the ids that belong to direct members of a group."""
    return await db.fetch_all(str, "groups.filter_members", FILTER_MEMBERS, id=group_id, ids=user_ids)


async def insert_members(db: Executor, group_id: str, user_ids: list[str]) -> None:
    """Add users, who are no members yet, to a group."""
    now = int(time.time())
    await db.execute_many(
        "groups.add_member",
        INSERT_MEMBER,
        [{"id": str(uuid.uuid4()), "group_id": group_id, "user_id": user_id, "now": now} for user_id in user_ids],
    )


async def remove_members(db: Executor, group_id: str, user_ids: list[str]) -> list[str]:
    """Remove users from a group and return the ids of the removed members."""
    present = set(await list_direct_ids(db, group_id))
    removed = [user_id for user_id in dict.fromkeys(user_ids) if user_id in present]
    if removed:
        await delete_members(db, group_id, removed)
    return removed


async def delete_members(db: Executor, group_id: str, user_ids: list[str]) -> None:
    """Remove members from a group."""
    await db.execute("groups.delete_members_by_id", DELETE_MEMBERS, id=group_id, ids=user_ids)


async def join_group(db: Executor, group_id: str, user_id: str) -> None:
    """Add a user to a group; no row is inserted where the group does not exist or the user is a member."""
    now = int(time.time())
    await db.execute("groups.join", JOIN_GROUP, id=str(uuid.uuid4()), group_id=group_id, user_id=user_id, now=now)


async def set_joined_groups(tx: Transaction, user_id: str, group_ids: set[str]) -> bool:
    """Make a user a direct member of exactly these groups and return whether that changed anything."""
    present = await list_joined_ids(tx, user_id)
    left_ids = list(present - group_ids)
    await tx.execute("groups.leave", LEAVE_GROUPS, user_id=user_id, group_ids=left_ids)
    for group_id in group_ids - present:
        await join_group(tx, group_id, user_id)
    return group_ids != present
