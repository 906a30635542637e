"""Rows of `channel_member`: the users in a channel, and their state in it. Times are in nanoseconds."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

import msgspec

from fastback.kit.clock import clock
from fastback.kit.db import Executor

_COLUMNS = """m.id, m.channel_id, m.user_id, m.app_id, m.role, m.status, m.is_active, m.is_channel_muted,
    m.is_channel_pinned, m.data, m.meta, m.invited_at, m.invited_by, m.joined_at, m.left_at, m.last_read_at,
    m.created_at, m.updated_at"""

#: The schema does not forbid several rows of one user in a channel: the active and oldest one counts.
FIND_MEMBER = f"""
    SELECT {_COLUMNS} FROM channel_member m WHERE m.channel_id = :channel_id AND m.user_id = :user_id
    ORDER BY m.is_active DESC, m.created_at, m.id LIMIT 1"""
IS_ACTIVE_MEMBER = """
    SELECT 1 FROM channel_member WHERE channel_id = :channel_id AND user_id = :user_id AND is_active = TRUE LIMIT 1"""
IS_MANAGER = """
    SELECT 1 FROM channel_member
    WHERE channel_id = :channel_id AND user_id = :user_id AND is_active = TRUE AND role = 'manager' LIMIT 1"""
LIST_USER_IDS = "SELECT DISTINCT user_id FROM channel_member WHERE channel_id = :channel_id AND user_id IS NOT NULL"
LIST_ACTIVE_USER_IDS = """
    SELECT DISTINCT user_id FROM channel_member
    WHERE channel_id = :channel_id AND user_id IS NOT NULL AND is_active = TRUE"""
LIST_PEOPLE = """
    SELECT DISTINCT m.channel_id, u.status_emoji, u.status_message, u.status_expires_at, u.id, u.name,
        u.last_active_at, u.created_at
    FROM channel_member m JOIN "user" u ON u.id = m.user_id
    WHERE m.channel_id = ANY(:ids) ORDER BY u.created_at, u.id"""
LIST_ACCOUNTS = 'SELECT id, name, role FROM "user" WHERE id = ANY(:ids)'
LIST_EXISTING_USERS = 'SELECT id FROM "user" WHERE id = ANY(:ids)'
#: The users in these groups and in the groups below them.
LIST_GROUP_USERS = """
    WITH RECURSIVE below(group_id) AS (
        SELECT id FROM "group" WHERE id = ANY(:ids)
        UNION
        SELECT g.id FROM "group" g JOIN below b ON g.parent_group_id = b.group_id
    ) SELECT DISTINCT m.user_id FROM group_member m JOIN below b ON b.group_id = m.group_id"""
#: Two requests that make a user a member at once come one after the other.
LOCK_CHANNEL = {
    "sqlite": "SELECT 1 FROM channel WHERE id = :id",
    "postgres": "SELECT 1 FROM channel WHERE id = :id FOR UPDATE",
}
INSERT_MEMBER = """
    INSERT INTO channel_member (id, channel_id, user_id, status, is_active, is_channel_muted, is_channel_pinned,
        invited_at, invited_by, joined_at, last_read_at, created_at, updated_at)
    VALUES (:id, :channel_id, :user_id, 'joined', TRUE, :is_channel_muted, FALSE, :invited_at, :invited_by, :now,
        :last_read_at, :now, :now)"""
SET_ACTIVE = """
    UPDATE channel_member SET is_active = :is_active, updated_at = :now
    WHERE channel_id = :channel_id AND user_id = :user_id"""
ACTIVATE_ALL = """
    UPDATE channel_member SET is_active = TRUE, updated_at = :now
    WHERE channel_id = :channel_id AND user_id IS NOT NULL AND is_active = FALSE"""
SET_MUTED = """
    UPDATE channel_member SET is_channel_muted = :is_muted, updated_at = :now
    WHERE channel_id = :channel_id AND user_id = :user_id"""
#: Pages say on each key that they show a channel: a member who has read everything keeps the time.
MARK_READ = """
    UPDATE channel_member SET last_read_at = :now, updated_at = :now
    WHERE channel_id = :channel_id AND user_id = :user_id AND EXISTS (
        SELECT 1 FROM message x
        WHERE x.channel_id = :channel_id AND x.created_at > COALESCE(channel_member.last_read_at, 0))"""
DELETE_MEMBERS = "DELETE FROM channel_member WHERE channel_id = :channel_id AND user_id = ANY(:user_ids)"
DELETE_ALL_MEMBERS = "DELETE FROM channel_member WHERE channel_id = :channel_id"

#: Members from which on they are inserted in a long transaction, and those that are built and inserted at once.
MANY_MEMBERS, _SLICE = 100, 500
_NULL = msgspec.Raw(b"null")


class Member(msgspec.Struct):
    """A row of `channel_member`, as responses show it."""

    id: str
    channel_id: str
    user_id: str | None
    app_id: str | None
    role: str | None
    status: str | None
    is_active: bool
    is_channel_muted: bool
    is_channel_pinned: bool
    data: msgspec.Raw
    meta: msgspec.Raw
    invited_at: int | None
    invited_by: str | None
    joined_at: int | None
    left_at: int | None
    last_read_at: int | None
    created_at: int | None
    updated_at: int | None


class Person(msgspec.Struct):
    """A user in a channel."""

    channel_id: str
    status_emoji: str | None
    status_message: str | None
    status_expires_at: int | None
    id: str
    name: str
    last_active_at: int | None
    created_at: int | None


class Account(msgspec.Struct):
    """The name and the role of a user."""

    id: str
    name: str
    role: str


async def find_member(db: Executor, channel_id: str, user_id: str) -> Member | None:
    """Return the membership of a user, active or not; None without one."""
    return await db.fetch_first(Member, "channels.find_member", FIND_MEMBER, channel_id=channel_id, user_id=user_id)


async def is_active_member(db: Executor, channel_id: str, user_id: str) -> bool:
    """Return whether a user is an active member of a channel."""
    member = await db.fetch_value("channels.is_member", IS_ACTIVE_MEMBER, channel_id=channel_id, user_id=user_id)
    return member is not None


async def is_manager(db: Executor, channel_id: str, user_id: str) -> bool:
    """Return whether a user is an active member with the role of a manager."""
    manager = await db.fetch_value("channels.is_manager", IS_MANAGER, channel_id=channel_id, user_id=user_id)
    return manager is not None


async def list_user_ids(db: Executor, channel_id: str) -> list[str]:
    """List the users who are members of a channel, active or not."""
    return await db.fetch_all(str, "channels.list_user_ids", LIST_USER_IDS, channel_id=channel_id)


async def list_active_user_ids(db: Executor, channel_id: str) -> list[str]:
    """List the users who are active members of a channel."""
    return await db.fetch_all(str, "channels.list_active_user_ids", LIST_ACTIVE_USER_IDS, channel_id=channel_id)


async def list_people(db: Executor, channel_ids: list[str]) -> list[Person]:
    """Return the users in some channels, longest-standing users first."""
    return await db.fetch_all(Person, "channels.list_people", LIST_PEOPLE, ids=channel_ids)


async def list_accounts(db: Executor, user_ids: list[str]) -> list[Account]:
    """Return the names and roles of users; missing ones are absent."""
    return await db.fetch_all(Account, "channels.list_accounts", LIST_ACCOUNTS, ids=user_ids)


async def list_existing_users(db: Executor, user_ids: Iterable[str]) -> set[str]:
    """Return the ids that belong to users."""
    return set(await db.fetch_all(str, "channels.list_existing_users", LIST_EXISTING_USERS, ids=list(user_ids)))


async def list_group_users(db: Executor, group_ids: list[str]) -> list[str]:
    """List the users in some groups, directly or through a group below one of them."""
    if not group_ids:
        return []
    return await db.fetch_all(str, "channels.list_group_users", LIST_GROUP_USERS, ids=group_ids)


async def lock_channel(tx: Executor, channel_id: str) -> None:
    """Keep other transactions from adding members to a channel until this one ends."""
    await tx.fetch_value("channels.lock", LOCK_CHANNEL[tx.dialect], id=channel_id)


async def insert_member(
    tx: Executor, channel_id: str, user_id: str, *, is_muted: bool = False, has_read: bool = True
) -> Member:
    """Insert a membership, and return it. A member who `has_read` the channel has no unread messages."""
    member = _build_member(channel_id, user_id, is_muted=is_muted, has_read=has_read)
    await tx.execute("channels.insert_member", INSERT_MEMBER, **_build_row(member))
    return member


async def insert_members(tx: Executor, channel_id: str, user_ids: list[str], *, invited_by: str) -> list[Member]:
    """Insert memberships of users who have read the channel, and return them. Many need a long transaction."""
    members: list[Member] = []
    for start in range(0, len(user_ids), _SLICE):
        added = [
            _build_member(channel_id, user_id, invited_by=invited_by) for user_id in user_ids[start : start + _SLICE]
        ]
        await tx.execute_many("channels.insert_members", INSERT_MEMBER, [_build_row(member) for member in added])
        members += added
    return members


def _build_member(
    channel_id: str, user_id: str, *, invited_by: str | None = None, is_muted: bool = False, has_read: bool = True
) -> Member:
    now = clock.time_ns()
    return Member(
        id=str(uuid.uuid4()),
        channel_id=channel_id,
        user_id=user_id,
        app_id=None,
        role=None,
        status="joined",
        is_active=True,
        is_channel_muted=is_muted,
        is_channel_pinned=False,
        data=_NULL,
        meta=_NULL,
        invited_at=now if invited_by is not None else None,
        invited_by=invited_by,
        joined_at=now,
        left_at=None,
        last_read_at=now if has_read else None,
        created_at=now,
        updated_at=now,
    )


def _build_row(member: Member) -> dict[str, object]:
    """Return the parameters of `INSERT_MEMBER`."""
    names = ("id", "channel_id", "user_id", "is_channel_muted", "invited_at", "invited_by", "last_read_at")
    return {name: getattr(member, name) for name in names} | {"now": member.created_at}


async def set_active(db: Executor, channel_id: str, user_id: str, *, is_active: bool) -> None:
    """Show a channel in the list of a member, or hide it."""
    await db.execute(
        "channels.set_active",
        SET_ACTIVE,
        channel_id=channel_id,
        user_id=user_id,
        is_active=is_active,
        now=clock.time_ns(),
    )


async def activate_all(db: Executor, channel_id: str) -> None:
    """Show a channel in the list of every member."""
    await db.execute("channels.activate_all", ACTIVATE_ALL, channel_id=channel_id, now=clock.time_ns())


async def set_muted(db: Executor, channel_id: str, user_id: str, *, is_muted: bool) -> bool:
    """Mute or unmute a channel for a member; return whether there is a membership."""
    count = await db.execute(
        "channels.set_muted",
        SET_MUTED,
        channel_id=channel_id,
        user_id=user_id,
        is_muted=is_muted,
        now=clock.time_ns(),
    )
    return count > 0


async def mark_read(db: Executor, channel_id: str, user_id: str) -> None:
    """Note that a member has read a channel until now."""
    await db.execute("channels.mark_read", MARK_READ, channel_id=channel_id, user_id=user_id, now=clock.time_ns())


async def delete_members(tx: Executor, channel_id: str, user_ids: list[str]) -> int:
    """Delete memberships, and return how many there were."""
    return await tx.execute("channels.delete_members", DELETE_MEMBERS, channel_id=channel_id, user_ids=user_ids)


async def delete_all_members(tx: Executor, channel_id: str) -> None:
    """Delete the memberships of a channel, also those of apps."""
    await tx.execute("channels.delete_all_members", DELETE_ALL_MEMBERS, channel_id=channel_id)
