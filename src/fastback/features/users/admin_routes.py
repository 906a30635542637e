"""`/api/v1/users` for administrators: lists, changes, removal; and the search that everybody may use."""

from __future__ import annotations

import datetime
import time
from typing import Any

import msgspec

from fastback import messages
from fastback.access.events import SessionsRevoked, UserChanged, UserDeleted
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.access.passwords import PasswordHasher
from fastback.features.auths import store as auths
from fastback.features.groups import member_store as group_members
from fastback.features.groups import store as groups
from fastback.features.groups.effective_access_store import AccessibleItems, list_effective_access
from fastback.features.groups.schemas import NamedItem
from fastback.features.users import admin_store, store
from fastback.features.users.admin_store import Info, NamedGroup, Question
from fastback.features.users.pictures import require_valid_picture
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Forbidden, NotFound, Router
from fastback.settings import Settings

router = Router("/api/v1/users")

PAGE = 30


class WithGroups(store.UserRecord):
    group_ids: list[str]


class UserPage(msgspec.Struct):
    users: list[WithGroups]
    total: int


def _question(query: str | None, order_by: str | None, direction: str | None, page: int | None) -> Question:
    return Question(query, order_by, direction, PAGE, (max(page or 1, 1) - 1) * PAGE)


@router.get("/")
async def page(
    user: AdminUser,
    db: Database,
    query: str | None = None,
    order_by: str | None = None,
    direction: str | None = None,
    page: int | None = 1,
) -> UserPage:
    rows, total = await admin_store.page(db, _question(query, order_by, direction, page))
    groups = await admin_store.group_ids(db, [row.id for row in rows])
    return UserPage([WithGroups(**_fields(row), group_ids=groups[row.id]) for row in rows], total)


def _fields(row: store.UserRecord) -> dict[str, Any]:
    return {name: getattr(row, name) for name in store.UserRecord.__struct_fields__}


class InfoPage(msgspec.Struct):
    users: list[Info]
    total: int


@router.get("/all")
async def everybody(user: AdminUser, db: Database) -> InfoPage:
    rows = await admin_store.everybody(db)
    return InfoPage(rows, len(rows))


@router.get("/search")
async def search(
    user: VerifiedUser,
    db: Database,
    query: str | None = None,
    order_by: str | None = None,
    direction: str | None = None,
    page: int | None = 1,
) -> InfoPage:
    return InfoPage(*await admin_store.infos(db, _question(query, order_by, direction, page)))


@router.get("/{user_id}/info")
async def info(user_id: str, user: VerifiedUser, db: Database) -> Info:
    found = await admin_store.info(db, user_id)
    if found is None:
        raise BadRequest(messages.USER_NOT_FOUND)
    found.groups = await admin_store.groups(db, user_id)
    found.is_active = _active(found.last_active_at)
    return found


def _active(last_active_at: int | None) -> bool:
    return last_active_at is not None and int(time.time()) - last_active_at <= store.ACTIVE


class Whole(msgspec.Struct):
    """All that an administrator may know of one user."""

    status_emoji: str | None
    status_message: str | None
    status_expires_at: int | None
    name: str
    profile_image_url: str | None
    groups: list[NamedGroup]
    is_active: bool
    id: str
    email: str
    username: str | None
    role: str
    profile_banner_image_url: str | None
    bio: str | None
    gender: str | None
    date_of_birth: datetime.date | None
    timezone: str | None
    presence_state: str | None
    info: msgspec.Raw
    settings: msgspec.Raw
    oauth: msgspec.Raw
    scim: msgspec.Raw
    last_active_at: int
    updated_at: int
    created_at: int


@router.get("/{user_id}")
async def whole(user_id: str, user: AdminUser, db: Database) -> Whole:
    found = await store.find_user(db, user_id)
    if found is None:
        raise BadRequest(messages.USER_NOT_FOUND)
    return Whole(
        **_fields(found), groups=await admin_store.groups(db, user_id), is_active=_active(found.last_active_at)
    )


class UpdateUser(msgspec.Struct):
    """What is left out, or null, stays as it was."""

    role: str | None = None
    name: str | None = None
    email: str | None = None
    profile_image_url: str | None = None
    password: str | None = None


@router.put("/{user_id}")
@router.post("/{user_id}/update")
async def update(
    user_id: str,
    data: UpdateUser,
    user: AdminUser,
    db: Database,
    passwords: PasswordHasher,
    settings: Settings,
    bus: Bus,
) -> store.UserRecord:
    require_valid_picture(data.profile_image_url, settings)
    if await admin_store.first_admin(db) == user_id and (user.id != user_id or data.role not in (None, "admin")):
        raise Forbidden(messages.ACTION_PROHIBITED)
    known = await _user(db, user_id)
    email = None if data.email is None else data.email.lower()
    if email not in (None, known.email) and await auths.email_taken(db, email or ""):
        raise BadRequest(messages.EMAIL_TAKEN)
    if data.password:
        passwords.require_valid(data.password)
        await auths.set_password(db, user_id, await passwords.hash(data.password))
    if email is not None:
        await auths.set_email(db, user_id, email)
    wanted = {"role": data.role, "name": data.name, "email": email, "profile_image_url": data.profile_image_url}
    fields = {name: value for name, value in wanted.items() if value is not None}
    if fields:
        await store.update_user(db, user_id, **fields)
    if data.password or fields.get("role", known.role) != known.role:
        # After a change of role the token counts on, but what stands open is opened anew.
        await bus.publish(SessionsRevoked(user_id))
    await bus.publish(UserChanged(user_id))
    return await _user(db, user_id)


async def _user(db: Database, user_id: str) -> store.UserRecord:
    found = await store.find_user(db, user_id)
    if found is None:
        raise BadRequest(messages.USER_NOT_FOUND)
    return found


@router.post("/{user_id}/sessions/revoke")
async def revoke(user_id: str, user: AdminUser, db: Database, bus: Bus) -> bool:
    if not await store.has_user(db, user_id):
        raise NotFound("User not found.")
    if await admin_store.first_admin(db) == user_id and user.id != user_id:
        raise Forbidden(messages.ACTION_PROHIBITED)
    await auths.revoke_sessions(db, user_id)
    await bus.publish(SessionsRevoked(user_id))
    return True


@router.delete("/{user_id}")
async def delete(user_id: str, user: AdminUser, db: Database, bus: Bus) -> bool:
    if user_id in (user.id, await admin_store.first_admin(db)):
        raise Forbidden(messages.ACTION_PROHIBITED)
    await admin_store.delete(db, user_id)
    await bus.publish(UserDeleted(user_id))
    return True


@router.get("/{user_id}/groups")
async def groups_of(
    user_id: str, user: AdminUser, db: Database, include_inherited: bool = False
) -> list[groups.Group] | list[JoinedGroup]:
    return await joined_groups(db, user_id, include_inherited=include_inherited)


class JoinedGroup(groups.Group):
    """A group with the way the user came in."""

    membership_type: str


async def joined_groups(
    db: Database, user_id: str, *, include_inherited: bool
) -> list[groups.Group] | list[JoinedGroup]:
    """The groups of a user; those above them, too, each with the way in, where that is asked for."""
    found = await groups.list_groups_of_user(db, user_id, inherited=include_inherited)
    if not include_inherited:
        return found
    direct = await group_members.list_joined_ids(db, user_id)
    return [
        JoinedGroup(
            **{name: getattr(group, name) for name in groups.Group.__struct_fields__},
            membership_type="direct" if group.id in direct else "inherited",
        )
        for group in found
    ]


class UserPreview(msgspec.Struct):
    """What a user may use."""

    user: NamedItem
    groups: list[NamedItem]
    models: AccessibleItems
    knowledge: AccessibleItems
    tools: AccessibleItems


@router.get("/{user_id}/preview")
async def preview(user_id: str, user: AdminUser, db: Database) -> UserPreview:
    found = await admin_store.info(db, user_id)
    if found is None:
        raise NotFound(messages.USER_NOT_FOUND)
    member_of = await groups.list_groups_of_user(db, user_id, inherited=True)
    open_to = await list_effective_access(db, user_id=user_id, group_ids=[group.id for group in member_of])
    named = [NamedItem(group.id, group.name) for group in member_of]
    return UserPreview(NamedItem(found.id, found.name), named, open_to.models, open_to.knowledge, open_to.tools)
