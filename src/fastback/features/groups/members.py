"""Who is in a group: directly, or through a group below it."""

from __future__ import annotations

import time
import uuid
from typing import Literal

import msgspec

from fastback.features.groups.schemas import InspectedMember, Member, MemberPage, Membership
from fastback.kit.db import Executor

PAGE = 30

Scope = Literal["direct", "inherited", "effective"]

_BELOW = """
    WITH RECURSIVE below(group_id) AS (
        SELECT id FROM "group" WHERE id = :id
        UNION
        SELECT g.id FROM "group" g JOIN below b ON g.parent_group_id = b.group_id
    )"""
_EFFECTIVE = "SELECT m.user_id FROM group_member m JOIN below b ON b.group_id = m.group_id"
_DIRECT = "SELECT m.user_id FROM group_member m WHERE m.group_id = :id"


async def effective_ids(db: Executor, group_id: str) -> list[str]:
    """Everybody to whom the group's permissions come."""
    return await db.fetch_all(
        str, "groups.effective_ids", f"{_BELOW} SELECT DISTINCT user_id FROM ({_EFFECTIVE}) e", id=group_id
    )


async def direct_ids(db: Executor, group_id: str) -> list[str]:
    text = "SELECT user_id FROM group_member WHERE group_id = :id ORDER BY created_at, user_id"
    return await db.fetch_all(str, "groups.member_ids", text, id=group_id)


async def direct(db: Executor, group_id: str) -> list[Member]:
    """The direct members, as lists of users show people."""
    return await db.fetch_all(
        Member,
        "groups.members",
        """SELECT u.status_emoji, u.status_message, u.status_expires_at, u.id, u.name, u.email, u.role, u.bio,
                  u.last_active_at, u.timezone
           FROM "user" u JOIN group_member m ON m.user_id = u.id WHERE m.group_id = :id ORDER BY u.created_at, u.id""",
        id=group_id,
    )


class _Found(msgspec.Struct):
    id: str
    name: str
    email: str
    role: str


class _Source(msgspec.Struct):
    user_id: str
    group_id: str


_CONDITIONS: dict[Scope, str] = {
    "effective": f"u.id IN ({_EFFECTIVE})",
    "direct": f"u.id IN ({_DIRECT})",
    "inherited": f"u.id IN ({_EFFECTIVE}) AND u.id NOT IN ({_DIRECT})",
}


async def inspected(db: Executor, group_id: str, *, scope: Scope, query: str, page: int) -> MemberPage:
    """A page of the members that fit: `query` is part of a name or an address, pages begin at 1."""
    where = f"{_CONDITIONS[scope]} AND (lower(u.name) LIKE :query OR lower(u.email) LIKE :query)"
    like = f"%{query.lower()}%"
    rows = await db.fetch_all(
        _Found,
        f"groups.inspected.{scope}",
        f"""{_BELOW} SELECT u.id, u.name, u.email, u.role FROM "user" u WHERE {where}
            ORDER BY u.name, u.id LIMIT {PAGE} OFFSET :skip""",
        id=group_id,
        query=like,
        skip=(page - 1) * PAGE,
    )
    total = await db.fetch_value(
        f"groups.inspected_count.{scope}",
        f'{_BELOW} SELECT count(*) FROM "user" u WHERE {where}',
        id=group_id,
        query=like,
    )
    sources = await _sources(db, group_id, [row.id for row in rows])
    items = []
    for row in rows:
        kind: Membership = "direct" if group_id in sources[row.id] else "inherited"
        via = sorted(one for one in sources[row.id] if one != group_id)
        items.append(
            InspectedMember(
                id=row.id, name=row.name, email=row.email, role=row.role, membership_type=kind, via_group_ids=via
            )
        )
    return MemberPage(items, int(total or 0), await _counts(db, group_id))


async def _sources(db: Executor, group_id: str, user_ids: list[str]) -> dict[str, list[str]]:
    """The groups, this one or below it, that each user was put into."""
    found: dict[str, list[str]] = {one: [] for one in user_ids}
    if user_ids:
        text = f"""{_BELOW} SELECT m.user_id, m.group_id FROM group_member m JOIN below b ON b.group_id = m.group_id
                   WHERE m.user_id = ANY(:ids)"""
        for row in await db.fetch_all(_Source, "groups.sources", text, id=group_id, ids=user_ids):
            found[row.user_id].append(row.group_id)
    return found


async def _counts(db: Executor, group_id: str) -> dict[str, int]:
    text = f"SELECT count(*) FROM ({_DIRECT}) d"
    immediate = int(await db.fetch_value("groups.count_direct", text, id=group_id) or 0)
    text = f"{_BELOW} SELECT count(DISTINCT user_id) FROM ({_EFFECTIVE}) e"
    effective = int(await db.fetch_value("groups.count_effective", text, id=group_id) or 0)
    return {"direct": immediate, "effective": effective, "inherited": effective - immediate}


async def known_users(db: Executor, user_ids: list[str]) -> list[str]:
    """Those of the ids that are users."""
    return await db.fetch_all(str, "groups.known_users", 'SELECT id FROM "user" WHERE id = ANY(:ids)', ids=user_ids)


async def add(db: Executor, group_id: str, user_ids: list[str]) -> list[str]:
    """Put users into a group; those who were not in it before."""
    present = set(await direct_ids(db, group_id))
    added = [one for one in dict.fromkeys(user_ids) if one not in present]
    now = int(time.time())
    await db.execute_many(
        "groups.add_member",
        """INSERT INTO group_member (id, group_id, user_id, created_at, updated_at)
           VALUES (:id, :group_id, :user_id, :now, :now)""",
        [{"id": str(uuid.uuid4()), "group_id": group_id, "user_id": one, "now": now} for one in added],
    )
    return added


async def remove(db: Executor, group_id: str, user_ids: list[str]) -> list[str]:
    """Take users out of a group; those who were in it."""
    present = set(await direct_ids(db, group_id))
    removed = [one for one in dict.fromkeys(user_ids) if one in present]
    if removed:
        await db.execute(
            "groups.remove_member",
            "DELETE FROM group_member WHERE group_id = :id AND user_id = ANY(:ids)",
            id=group_id,
            ids=removed,
        )
    return removed
