"""`/api/v1/users` for administrators: lists, changes, removal; and the search that everybody may use."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from fastback import messages
from fastback.access.events import SessionsRevoked, UserChanged, UserDeleted
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.access.passwords import Passwords
from fastback.features.auths import store as auths
from fastback.features.auths.service import valid_email
from fastback.features.users import admin_store, store
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Forbidden, HttpError, Router

router = Router("/api/v1/users")

PAGE = 30


class WithGroups(store.Listed):
    group_ids: list[str] = msgspec.field(default_factory=list)


class UserPage(msgspec.Struct):
    users: list[WithGroups]
    total: int


@router.get("/")
async def page(
    user: AdminUser,
    db: Database,
    query: str | None = None,
    order_by: str | None = None,
    direction: str | None = None,
    page: int | None = 1,
) -> UserPage:
    skip = (max(page or 1, 1) - 1) * PAGE
    rows, total = await admin_store.page(db, query=query, order_by=order_by, direction=direction, limit=PAGE, skip=skip)
    groups = await admin_store.group_ids(db, [row.id for row in rows])
    return UserPage([WithGroups(**_fields(row), group_ids=groups[row.id]) for row in rows], total)


def _fields(row: store.Listed) -> dict[str, Any]:
    fields = msgspec.structs.asdict(row)
    fields["profile_image_url"] = row.profile_image_url or store.default_picture(row.id)
    return fields


class Info(msgspec.Struct):
    """A user as other users see them."""

    status_emoji: str | None
    status_message: str | None
    status_expires_at: int | None
    id: str
    name: str
    email: str
    role: str
    bio: str | None
    last_active_at: int | None
    timezone: str | None
    groups: list[Any]
    is_active: bool


class InfoPage(msgspec.Struct):
    users: list[Info]
    total: int


def _info(row: store.Listed, *, now: int) -> Info:
    return Info(
        row.status_emoji,
        row.status_message,
        row.status_expires_at,
        row.id,
        row.name,
        row.email,
        row.role,
        row.bio,
        row.last_active_at,
        row.timezone,
        [],
        now - row.last_active_at <= store.ACTIVE,
    )


@router.get("/all")
async def everybody(user: AdminUser, db: Database) -> InfoPage:
    rows = await admin_store.everybody(db)
    return InfoPage([_info(row, now=int(time.time())) for row in rows], len(rows))


@router.get("/search")
async def search(
    user: VerifiedUser,
    db: Database,
    query: str | None = None,
    order_by: str | None = None,
    direction: str | None = None,
    page: int | None = 1,
) -> InfoPage:
    skip = (max(page or 1, 1) - 1) * PAGE
    rows, total = await admin_store.page(db, query=query, order_by=order_by, direction=direction, limit=PAGE, skip=skip)
    return InfoPage([_info(row, now=int(time.time())) for row in rows], total)


@router.get("/{user_id}/info")
async def info(user_id: str, user: VerifiedUser, db: Database) -> Info:
    row = await store.get(db, user_id)
    if row is None:
        raise BadRequest(messages.USER_NOT_FOUND)
    return _info(row, now=int(time.time()))


class UpdateUser(msgspec.Struct):
    role: str
    name: str
    email: str
    profile_image_url: str
    password: str | None = None


@router.post("/{user_id}/update")
async def update(
    user_id: str, data: UpdateUser, user: AdminUser, db: Database, passwords: Passwords, bus: Bus
) -> store.Listed:
    known = await store.get(db, user_id)
    if known is None:
        raise BadRequest(messages.USER_NOT_FOUND)
    if data.role not in ("pending", "user", "admin"):
        raise BadRequest(messages.default("role"))
    first = await admin_store.first_admin(db)
    if first == user_id and (user.id != user_id or data.role != "admin"):
        raise Forbidden(messages.ACTION_PROHIBITED)
    email = data.email.lower()
    if email != known.email:
        if not valid_email(email):
            raise BadRequest(messages.INVALID_EMAIL)
        if await auths.email_taken(db, email):
            raise BadRequest(messages.EMAIL_TAKEN)
    if data.password:
        passwords.check(data.password)
        await auths.set_password(db, user_id, await passwords.hash(data.password))
    await auths.set_email(db, user_id, email)
    await store.update(
        db, user_id, role=data.role, name=data.name, email=email, profile_image_url=data.profile_image_url
    )
    if data.role != known.role or data.password:
        await bus.publish(SessionsRevoked(user_id))
    await bus.publish(UserChanged(user_id))
    found = await store.get(db, user_id)
    if found is None:
        raise BadRequest(messages.USER_NOT_FOUND)
    return found


@router.post("/{user_id}/sessions/revoke")
async def revoke(user_id: str, user: AdminUser, db: Database, bus: Bus) -> bool:
    if await store.get(db, user_id) is None:
        raise BadRequest(messages.USER_NOT_FOUND)
    await auths.revoke_sessions(db, user_id)
    await bus.publish(SessionsRevoked(user_id))
    return True


@router.delete("/{user_id}")
async def delete(user_id: str, user: AdminUser, db: Database, bus: Bus) -> bool:
    first = await admin_store.first_admin(db)
    if user_id == first or user_id == user.id:
        raise Forbidden(messages.ACTION_PROHIBITED)
    if await store.get(db, user_id) is None:
        raise HttpError(500, messages.DELETE_USER_ERROR)
    await admin_store.delete(db, user_id)
    await bus.publish(UserDeleted(user_id))
    return True
