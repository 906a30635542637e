"""`/api/v1/channels`: the channels one is in. Their messages come with channels as a whole."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from fastback import messages
from fastback.access.grants import build_grant_condition
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys.features import CHANNELS_ENABLE
from fastback.kit.db import Database
from fastback.kit.http import Forbidden, Router, Unauthorized
from fastback.records.listing import RecordCatalog

router = Router("/api/v1/channels")

#: Seconds for which somebody who was seen counts as being there.
ACTIVE = 180


class _Channel(msgspec.Struct):
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


class _Mine(_Channel):
    muted: bool | None
    last_message_at: int | None
    unread: int


_COLUMNS = """c.id, c.user_id, c.type, c.name, c.description, c.is_private, c.data, c.meta, c.created_at, c.updated_at,
    c.updated_by, c.archived_at, c.archived_by, c.deleted_at, c.deleted_by"""
#: A channel without a membership has nothing unread.
_COUNTS = """m.is_channel_muted,
    (SELECT max(x.created_at) FROM message x WHERE x.channel_id = c.id),
    CASE WHEN m.id IS NULL THEN 0 ELSE (
        SELECT count(*) FROM message x WHERE x.channel_id = c.id AND x.parent_id IS NULL
          AND x.created_at > COALESCE(m.last_read_at, 0) AND (x.user_id <> :user_id OR x.user_id IS NULL)) END"""
_FROM = f"""FROM channel c LEFT JOIN channel_member m ON m.channel_id = c.id AND m.user_id = :user_id
    WHERE c.deleted_at IS NULL AND c.archived_at IS NULL AND (
        (c.type IN ('group', 'dm') AND m.is_active = TRUE)
        OR (COALESCE(c.type, '') NOT IN ('group', 'dm')
            AND (c.user_id = :user_id OR {build_grant_condition("channel", "c.id")})))
    ORDER BY CASE WHEN c.type IN ('group', 'dm') THEN 0 ELSE 1 END, c.created_at, c.id"""


class _Member(msgspec.Struct):
    channel_id: str
    status_emoji: str | None
    status_message: str | None
    status_expires_at: int | None
    id: str
    name: str
    last_active_at: int | None


_MEMBERS = """SELECT m.channel_id, u.status_emoji, u.status_message, u.status_expires_at, u.id, u.name, u.last_active_at
    FROM channel_member m JOIN "user" u ON u.id = m.user_id
    WHERE m.channel_id = ANY(:ids) ORDER BY u.created_at, u.id"""


async def _check(user: User, catalog: RecordCatalog, config: Config) -> None:
    if not config.flag(CHANNELS_ENABLE):
        raise Forbidden(messages.feature_disabled("Channels"))
    if not user.is_admin and not await catalog.permissions.has(user.id, "features.channels"):
        raise Unauthorized(messages.UNAUTHORIZED)


async def _with_grants(rows: list[_Channel], catalog: RecordCatalog) -> list[dict[str, Any]]:
    shown = []
    for row in rows:
        fields = {name: getattr(row, name) for name in _Channel.__struct_fields__}
        late = {name: fields.pop(name) for name in _LATE}
        shown.append({**fields, "access_grants": [], **late})
    return await catalog.add_details(shown, None, "channel", owner=False)


#: The fields that stand behind the grants.
_LATE = _Channel.__struct_fields__[_Channel.__struct_fields__.index("created_at") :]


async def _member_of(db: Database, user_id: str, catalog: RecordCatalog) -> list[_Mine]:
    return await db.fetch_all(
        _Mine,
        "channels.mine",
        f"SELECT {_COLUMNS}, {_COUNTS} {_FROM}",
        user_id=user_id,
        group_ids=await catalog.permissions.list_group_ids(user_id),
        permission="read",
    )


@router.get("/")
async def mine(user: VerifiedUser, db: Database, config: Config, catalog: RecordCatalog) -> list[dict[str, Any]]:
    await _check(user, catalog, config)
    rows = await _member_of(db, user.id, catalog)
    direct = [row.id for row in rows if row.type == "dm"]
    members = await db.fetch_all(_Member, "channels.members", _MEMBERS, ids=direct) if direct else []
    found = await _with_grants(list(rows), catalog)
    since = time.time() - ACTIVE
    for row, channel in zip(rows, found, strict=True):
        people = [one for one in members if one.channel_id == row.id] if row.type == "dm" else None
        channel |= {
            "is_channel_muted": bool(row.muted),
            "user_ids": None if people is None else [one.id for one in people],
            "users": None if people is None else [_person(one, since) for one in people],
            "last_message_at": row.last_message_at,
            "unread_count": row.unread,
        }
    return found


def _person(member: _Member, since: float) -> dict[str, Any]:
    return {
        "status_emoji": member.status_emoji,
        "status_message": member.status_message,
        "status_expires_at": member.status_expires_at,
        "id": member.id,
        "name": member.name,
        "is_active": (member.last_active_at or 0) >= since,
    }


@router.get("/list")
async def page(user: VerifiedUser, db: Database, config: Config, catalog: RecordCatalog) -> list[dict[str, Any]]:
    await _check(user, catalog, config)
    if not user.is_admin:
        return await _with_grants(list(await _member_of(db, user.id, catalog)), catalog)
    text = f"SELECT {_COLUMNS} FROM channel c ORDER BY c.created_at, c.id"
    return await _with_grants(await db.fetch_all(_Channel, "channels.all", text), catalog)
