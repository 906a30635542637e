"""`/api/v1/users` for administrators: list, change and delete users; and the search that every user may use."""

from __future__ import annotations

import datetime
import time
from typing import Any

import msgspec

from fastback import messages
from fastback.access import credential_store
from fastback.access.email_addresses import MAX_EMAIL_LENGTH
from fastback.access.events import SessionsRevoked, UserChanged, UserDeleted
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.access.passwords import PasswordHasher
from fastback.features.groups import member_store as group_members
from fastback.features.groups import store as groups
from fastback.features.groups.effective_access_store import AccessibleItems, list_effective_access
from fastback.features.groups.schemas import NamedItem
from fastback.features.users import admin_store, deletion_store, store
from fastback.features.users.admin_store import NamedGroup, UserInfo, UserQuery
from fastback.features.users.pictures import require_valid_picture
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Forbidden, NotFound, Router
from fastback.settings import Settings

router = Router("/api/v1/users")

#: Users on a page.
PAGE = 30


class UserWithGroups(store.UserRecord):
    group_ids: list[str]


class UserPage(msgspec.Struct):
    users: list[UserWithGroups]
    total: int


def _build_query(query: str | None, order_by: str | None, direction: str | None, page: int | None) -> UserQuery:
    return UserQuery(query, order_by, direction, PAGE, (max(page or 1, 1) - 1) * PAGE)


@router.get("/")
async def list_users(
    user: AdminUser,
    db: Database,
    query: str | None = None,
    order_by: str | None = None,
    direction: str | None = None,
    page: int | None = 1,
) -> UserPage:
    rows, total = await admin_store.list_user_page(db, _build_query(query, order_by, direction, page))
    group_ids = await admin_store.list_group_ids_by_user(db, [row.id for row in rows])
    return UserPage([UserWithGroups(**_to_fields(row), group_ids=group_ids[row.id]) for row in rows], total)


def _to_fields(row: store.UserRecord) -> dict[str, Any]:
    return {name: getattr(row, name) for name in store.UserRecord.__struct_fields__}


class InfoPage(msgspec.Struct):
    users: list[UserInfo]
    total: int


@router.get("/all")
async def list_all_users(user: AdminUser, db: Database) -> InfoPage:
    rows = await admin_store.list_all_users(db)
    return InfoPage(rows, len(rows))


@router.get("/search")
async def search_users(
    user: VerifiedUser,
    db: Database,
    query: str | None = None,
    order_by: str | None = None,
    direction: str | None = None,
    page: int | None = 1,
) -> InfoPage:
    return InfoPage(*await admin_store.list_info_page(db, _build_query(query, order_by, direction, page)))


@router.get("/{user_id}/info")
async def get_user_info(user_id: str, user: VerifiedUser, db: Database) -> UserInfo:
    info = await admin_store.find_user_info(db, user_id)
    if info is None:
        raise BadRequest(messages.USER_NOT_FOUND)
    info.groups = await admin_store.list_groups_of_user(db, user_id)
    info.is_active = _is_active(info.last_active_at)
    return info


def _is_active(last_active_at: int | None) -> bool:
    return last_active_at is not None and int(time.time()) - last_active_at <= store.ACTIVE_SECONDS


class UserDetails(msgspec.Struct):
    """A user with every field that an administrator may see."""

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


async def _get_user(db: Database, user_id: str) -> store.UserRecord:
    record = await store.find_user(db, user_id)
    if record is None:
        raise BadRequest(messages.USER_NOT_FOUND)
    return record


@router.get("/{user_id}")
async def get_user(user_id: str, user: AdminUser, db: Database) -> UserDetails:
    record = await _get_user(db, user_id)
    return UserDetails(
        **_to_fields(record),
        groups=await admin_store.list_groups_of_user(db, user_id),
        is_active=_is_active(record.last_active_at),
    )


class UpdateUser(msgspec.Struct):
    """The fields to change; an absent or null field leaves its value unchanged."""

    role: str | None = None
    name: str | None = None
    email: str | None = None
    profile_image_url: str | None = None
    password: str | None = None


@router.put("/{user_id}")
@router.post("/{user_id}/update")
async def update_user(
    user_id: str,
    data: UpdateUser,
    user: AdminUser,
    db: Database,
    passwords: PasswordHasher,
    settings: Settings,
    bus: Bus,
) -> store.UserRecord:
    require_valid_picture(data.profile_image_url, settings)
    if await store.find_first_user_id(db) == user_id and (user.id != user_id or data.role not in (None, "admin")):
        raise Forbidden(messages.ACTION_PROHIBITED)
    existing = await _get_user(db, user_id)
    email = None if data.email is None else data.email.lower()
    if email is not None and len(email) > MAX_EMAIL_LENGTH:
        raise BadRequest(messages.INVALID_EMAIL)
    if email not in (None, existing.email) and await store.is_email_taken(db, email or ""):
        raise BadRequest(messages.EMAIL_TAKEN)
    if data.password:
        passwords.require_valid(data.password)
        await credential_store.set_password_hash(db, user_id, await passwords.hash(data.password))
    if email is not None:
        await credential_store.set_email(db, user_id, email)
    values = {"role": data.role, "name": data.name, "email": email, "profile_image_url": data.profile_image_url}
    fields = {name: value for name, value in values.items() if value is not None}
    if fields:
        await store.update_user(db, user_id, **fields)
    if data.password or fields.get("role", existing.role) != existing.role:
        # The token stays valid after a change of role, but open sockets must connect with the new role.
        await bus.publish(SessionsRevoked(user_id))
    await bus.publish(UserChanged(user_id))
    return await _get_user(db, user_id)


@router.post("/{user_id}/sessions/revoke")
async def revoke_sessions(user_id: str, user: AdminUser, db: Database, bus: Bus) -> bool:
    if not await store.has_user(db, user_id):
        raise NotFound("User not found.")
    if await store.find_first_user_id(db) == user_id and user.id != user_id:
        raise Forbidden(messages.ACTION_PROHIBITED)
    await credential_store.revoke_sessions(db, user_id)
    await bus.publish(SessionsRevoked(user_id))
    return True


@router.delete("/{user_id}")
async def delete_user(user_id: str, user: AdminUser, db: Database, bus: Bus) -> bool:
    if user_id in (user.id, await store.find_first_user_id(db)):
        raise Forbidden(messages.ACTION_PROHIBITED)
    await deletion_store.delete_user(db, user_id)
    await bus.publish(UserDeleted(user_id))
    return True


class JoinedGroup(groups.Group):
    """A group with the kind of the user's membership: `direct` or `inherited`."""

    membership_type: str


@router.get("/{user_id}/groups")
async def list_groups_of_user(
    user_id: str, user: AdminUser, db: Database, include_inherited: bool = False
) -> list[groups.Group] | list[JoinedGroup]:
    return await list_joined_groups(db, user_id, include_inherited=include_inherited)


async def list_joined_groups(
    db: Database, user_id: str, *, include_inherited: bool
) -> list[groups.Group] | list[JoinedGroup]:
    """List a user's groups; with `include_inherited`, also the groups above them, each with the kind of membership."""
    joined = await groups.list_groups_of_user(db, user_id, inherited=include_inherited)
    if not include_inherited:
        return joined
    direct_ids = await group_members.list_joined_ids(db, user_id)
    return [
        JoinedGroup(
            **{name: getattr(group, name) for name in groups.Group.__struct_fields__},
            membership_type="direct" if group.id in direct_ids else "inherited",
        )
        for group in joined
    ]


class UserPreview(msgspec.Struct):
    """The groups of a user, and the records that the user may use."""

    user: NamedItem
    groups: list[NamedItem]
    models: AccessibleItems
    knowledge: AccessibleItems
    tools: AccessibleItems


@router.get("/{user_id}/preview")
async def preview_user(user_id: str, user: AdminUser, db: Database) -> UserPreview:
    info = await admin_store.find_user_info(db, user_id)
    if info is None:
        raise NotFound(messages.USER_NOT_FOUND)
    joined = await groups.list_groups_of_user(db, user_id, inherited=True)
    access = await list_effective_access(db, user_id=user_id, group_ids=[group.id for group in joined])
    named_groups = [NamedItem(group.id, group.name) for group in joined]
    return UserPreview(NamedItem(info.id, info.name), named_groups, access.models, access.knowledge, access.tools)
