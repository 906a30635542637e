"""Rows of `channel`: one channel, and the lists of channels that a user sees. Times are in nanoseconds."""

from __future__ import annotations

import uuid
from functools import cache

import msgspec

from fastback.access.grants import build_granted_ids
from fastback.features.channels.schemas import ChannelForm, CreateChannelForm
from fastback.kit.clock import clock
from fastback.kit.db import Database, Executor
from fastback.kit.db.database import Dialect
from fastback.kit.storable_text import encode_json
from fastback.records.listing_store import build_membership

#: Unread messages of one channel that are counted; the page shows such numbers rounded.
MAX_UNREAD = 10_000

_COLUMNS = """c.id, c.user_id, c.type, c.name, c.description, c.is_private, c.data, c.meta, c.created_at, c.updated_at,
    c.updated_by, c.archived_at, c.archived_by, c.deleted_at, c.deleted_by"""

#: The channels that may concern a user: with a membership, owned or granted. Not correlated: they are found once.
_CANDIDATES = f"""SELECT k.channel_id FROM channel_member k WHERE k.user_id = :user_id
    UNION SELECT o.id FROM channel o WHERE o.user_id = :user_id
    UNION {build_granted_ids("channel")}"""
#: The membership of the user; a channel may have several rows for one user, as the schema does not forbid it.
_JOIN_MEMBER = """LEFT JOIN channel_member m ON m.id = (
        SELECT k.id FROM channel_member k WHERE k.channel_id = c.id AND k.user_id = :user_id
        ORDER BY k.is_active DESC, k.created_at, k.id LIMIT 1)"""
#: Group and direct channels need a membership, other channels a grant.
_IS_JOINED = """c.deleted_at IS NULL AND c.archived_at IS NULL AND (
        (c.type IN ('group', 'dm') AND m.is_active = TRUE)
        OR (COALESCE(c.type, '') NOT IN ('group', 'dm') AND (c.user_id = :user_id OR {granted})))"""
_ORDER = "ORDER BY CASE WHEN c.type IN ('group', 'dm') THEN 0 ELSE 1 END, c.created_at, c.id"
#: Messages of others since the user last read the channel `c`; nothing is unread without a membership `m`.
_UNREAD = f"""(SELECT count(*) FROM (
        SELECT 1 FROM message x WHERE x.channel_id = c.id AND x.parent_id IS NULL
            AND x.created_at > COALESCE(m.last_read_at, 0) AND (x.user_id <> :user_id OR x.user_id IS NULL)
        LIMIT {MAX_UNREAD}) unread)"""

FIND_CHANNEL = f"SELECT {_COLUMNS} FROM channel c WHERE c.id = :id"
LIST_CHANNELS = f"SELECT {_COLUMNS} FROM channel c ORDER BY c.created_at, c.id"
LIST_NAMES = "SELECT c.id, c.name, c.type FROM channel c WHERE c.id = ANY(:ids)"
#: The direct channel whose members are exactly these users; accounts that were deleted do not count.
FIND_DIRECT_CHANNEL = f"""
    SELECT {_COLUMNS} FROM channel c JOIN channel_member own ON own.channel_id = c.id AND own.user_id = :user_id
    WHERE c.type = 'dm' AND (
        SELECT count(DISTINCT u.id) FROM channel_member m JOIN "user" u ON u.id = m.user_id
        WHERE m.channel_id = c.id) = :count
    AND (
        SELECT count(DISTINCT m.user_id) FROM channel_member m
        WHERE m.channel_id = c.id AND m.user_id = ANY(:user_ids)) = :count
    ORDER BY c.created_at, c.id LIMIT 1"""
#: Without a membership all messages of others are unread.
FIND_READING_STATE = f"""
    SELECT m.is_channel_muted, m.last_read_at, {_UNREAD} FROM channel c {_JOIN_MEMBER} WHERE c.id = :id"""
#: PostgreSQL lets two transactions create the same direct channel at once; SQLite has one writer at a time.
LOCK_POSTGRES = "SELECT pg_advisory_xact_lock(731947208)"
INSERT_CHANNEL = """
    INSERT INTO channel (id, user_id, type, name, description, is_private, data, meta, created_at, updated_at)
    VALUES (:id, :user_id, :type, :name, :description, :is_private, :data, :meta, :now, :now)"""
UPDATE_CHANNEL = """
    UPDATE channel SET name = :name, description = :description, is_private = :is_private, data = :data, meta = :meta,
        updated_at = :now
    WHERE id = :id"""
DELETE_CHANNEL = "DELETE FROM channel WHERE id = :id"


class Channel(msgspec.Struct):
    """A row of `channel`."""

    id: str
    user_id: str
    type: str | None
    name: str
    description: str | None
    is_private: bool | None
    data: msgspec.Raw
    meta: msgspec.Raw
    created_at: int
    updated_at: int
    updated_by: str | None
    archived_at: int | None
    archived_by: str | None
    deleted_at: int | None
    deleted_by: str | None

    @property
    def has_members(self) -> bool:
        """Whether its members alone may use it: a group or direct channel. Other channels follow grants."""
        return self.type in ("group", "dm")


class JoinedChannel(Channel):
    """A channel with what a user needs to see of it: muted, time of the last message, number of unread messages."""

    muted: bool | None
    last_message_at: int | None
    unread: int


class ReadingState(msgspec.Struct):
    """What a user has muted and read of a channel."""

    muted: bool | None
    last_read_at: int | None
    unread: int


class ChannelName(msgspec.Struct):
    """The name and the type of a channel."""

    id: str
    name: str
    type: str | None


@cache
def _build_joined_condition(dialect: Dialect) -> str:
    granted = build_membership(dialect, "c.id", build_granted_ids("channel"))
    return f"{build_membership(dialect, 'c.id', _CANDIDATES)} AND {_IS_JOINED.format(granted=granted)}"


@cache
def _build_joined_list(dialect: Dialect) -> str:
    return f"""SELECT {_COLUMNS}, m.is_channel_muted,
            (SELECT max(x.created_at) FROM message x WHERE x.channel_id = c.id),
            CASE WHEN m.id IS NULL THEN 0 ELSE {_UNREAD} END
        FROM channel c {_JOIN_MEMBER} WHERE {_build_joined_condition(dialect)} {_ORDER}"""


@cache
def _build_joined_names(dialect: Dialect) -> str:
    return f"""SELECT c.id, c.name, c.type FROM channel c {_JOIN_MEMBER}
        WHERE {_build_joined_condition(dialect)} {_ORDER}"""


@cache
def _build_described_list(dialect: Dialect) -> str:
    return f"SELECT {_COLUMNS} FROM channel c {_JOIN_MEMBER} WHERE {_build_joined_condition(dialect)} {_ORDER}"


async def find_channel(db: Executor, channel_id: str) -> Channel | None:
    """Return a channel, or None."""
    return await db.fetch_first(Channel, "channels.find", FIND_CHANNEL, id=channel_id)


async def list_joined_channels(db: Database, user_id: str, group_ids: list[str]) -> list[JoinedChannel]:
    """Return the open channels that a user is in or may read, direct and group channels first."""
    # In a thread: unread messages are counted one by one.
    return await db.fetch_all_in_thread(
        JoinedChannel,
        "channels.list_joined",
        _build_joined_list(db.dialect),
        user_id=user_id,
        group_ids=group_ids,
        permission="read",
    )


async def list_readable_channels(db: Database, user_id: str, group_ids: list[str]) -> list[Channel]:
    """Return the channels of `list_joined_channels`, without what costs a look at their messages."""
    return await db.fetch_all(
        Channel,
        "channels.list_readable",
        _build_described_list(db.dialect),
        user_id=user_id,
        group_ids=group_ids,
        permission="read",
    )


async def list_readable_names(db: Executor, user_id: str, group_ids: list[str]) -> list[ChannelName]:
    """Return the names of the channels of `list_joined_channels`."""
    return await db.fetch_all(
        ChannelName,
        "channels.list_readable_names",
        _build_joined_names(db.dialect),
        user_id=user_id,
        group_ids=group_ids,
        permission="read",
    )


async def list_channels(db: Executor) -> list[Channel]:
    """Return all channels, oldest first; archived and deleted ones as well."""
    return await db.fetch_all(Channel, "channels.list", LIST_CHANNELS)


async def find_reading_state(db: Executor, channel_id: str, user_id: str) -> ReadingState:
    """Return what a user has muted and read of a channel."""
    state = await db.fetch_first(
        ReadingState, "channels.find_reading_state", FIND_READING_STATE, id=channel_id, user_id=user_id
    )
    return state or ReadingState(None, None, 0)


async def find_direct_channel(db: Executor, user_id: str, user_ids: set[str]) -> Channel | None:
    """Return the direct channel whose members are exactly `user_ids`, among them `user_id`; None without one."""
    return await db.fetch_first(
        Channel,
        "channels.find_direct",
        FIND_DIRECT_CHANNEL,
        user_id=user_id,
        user_ids=list(user_ids),
        count=len(user_ids),
    )


async def lock_direct_channels(tx: Executor) -> None:
    """Keep other transactions from creating a direct channel until this one ends."""
    if tx.dialect == "postgres":
        await tx.fetch_value("channels.lock_direct", LOCK_POSTGRES)


async def insert_channel(tx: Executor, user_id: str, form: CreateChannelForm) -> Channel:
    """Insert a channel, with its name in lower case, and return it."""
    now = clock.time_ns()
    channel = Channel(
        id=str(uuid.uuid4()),
        user_id=user_id,
        type=form.type or None,
        name=form.name.lower(),
        description=form.description,
        is_private=form.is_private,
        data=msgspec.Raw(encode_json(form.data).encode()),
        meta=msgspec.Raw(encode_json(form.meta).encode()),
        created_at=now,
        updated_at=now,
        updated_by=None,
        archived_at=None,
        archived_by=None,
        deleted_at=None,
        deleted_by=None,
    )
    await tx.execute(
        "channels.insert",
        INSERT_CHANNEL,
        id=channel.id,
        user_id=user_id,
        type=channel.type,
        name=channel.name,
        description=channel.description,
        is_private=channel.is_private,
        data=encode_json(form.data),
        meta=encode_json(form.meta),
        now=now,
    )
    return channel


async def update_channel(db: Executor, channel_id: str, form: ChannelForm) -> None:
    """Replace the name, the description, the privacy and the data of a channel."""
    await db.execute(
        "channels.update",
        UPDATE_CHANNEL,
        id=channel_id,
        name=form.name,
        description=form.description,
        is_private=form.is_private,
        data=encode_json(form.data),
        meta=encode_json(form.meta),
        now=clock.time_ns(),
    )


async def delete_channel(tx: Executor, channel_id: str) -> None:
    """Delete the row of a channel."""
    await tx.execute("channels.delete", DELETE_CHANNEL, id=channel_id)
