"""Rows of `user`."""

from __future__ import annotations

import datetime
import time
from typing import Any, TypeVar

import msgspec

from fastback.kit.db import Executor


def build_default_picture_url(user_id: str) -> str:
    """Where the picture of a user without one is asked for."""
    return f"/api/v1/users/{user_id}/profile/image"


class Profile(msgspec.Struct):
    """What the page shows of oneself."""

    name: str
    email: str
    role: str
    profile_image_url: str | None
    bio: str | None
    gender: str | None
    date_of_birth: datetime.date | None
    status_emoji: str | None
    status_message: str | None
    status_expires_at: int | None


async def find_profile(db: Executor, user_id: str) -> Profile | None:
    return await db.fetch_first(
        Profile,
        "users.profile",
        """SELECT name, email, role, profile_image_url, bio, gender, date_of_birth, status_emoji, status_message,
                  status_expires_at FROM "user" WHERE id = :id""",
        id=user_id,
    )


_JSON = ("settings", "info", "variables", "oauth")
_PLAIN = (
    "name",
    "email",
    "role",
    "profile_image_url",
    "profile_banner_image_url",
    "bio",
    "gender",
    "date_of_birth",
    "timezone",
    "status_emoji",
    "status_message",
    "status_expires_at",
)


async def update_user(db: Executor, user_id: str, **fields: Any) -> bool:
    """Change columns of a user's row (JSON columns take objects); False when there is no such user."""
    unknown = set(fields) - set(_PLAIN) - set(_JSON)
    if unknown:
        raise ValueError(f"not columns of user: {unknown}")
    values = {
        name: msgspec.json.encode(value).decode() if name in _JSON and value is not None else value
        for name, value in fields.items()
    }
    assignments = ", ".join(f"{name} = :{name}" for name in fields)
    changed = await db.execute(
        f"users.update.{'+'.join(fields)}",
        f'UPDATE "user" SET {assignments}, updated_at = :updated_at WHERE id = :id',
        id=user_id,
        updated_at=int(time.time()),
        **values,
    )
    return changed > 0


class Json(msgspec.Struct):
    value: msgspec.Raw


async def find_json_column(db: Executor, user_id: str, column: str, *, lock: bool = False) -> msgspec.Raw | None:
    """A JSON column (`settings`, `info`, `variables`), undecoded; None when there is no such user.

    `lock`: in a transaction, nobody else changes the row before its end (SQLite has one writer at a time anyway).
    """
    if column not in _JSON:
        raise ValueError(f"not a JSON column of user: {column}")
    text = f'SELECT {column} FROM "user" WHERE id = :id'
    if lock and db.dialect == "postgres":
        text += " FOR UPDATE"
    row = await db.fetch_first(Json, f"users.{column}", text, id=user_id)
    return None if row is None else row.value


class Picture(msgspec.Struct):
    profile_image_url: str | None
    name: str


async def find_picture(db: Executor, user_id: str) -> Picture | None:
    return await db.fetch_first(
        Picture, "users.picture", 'SELECT profile_image_url, name FROM "user" WHERE id = :id', id=user_id
    )


class UserRecord(msgspec.Struct):
    """A user as administrators see them, all columns but the secret ones."""

    id: str
    email: str
    username: str | None
    role: str
    name: str
    profile_image_url: str | None
    profile_banner_image_url: str | None
    bio: str | None
    gender: str | None
    date_of_birth: datetime.date | None
    timezone: str | None
    presence_state: str | None
    status_emoji: str | None
    status_message: str | None
    status_expires_at: int | None
    info: msgspec.Raw
    settings: msgspec.Raw
    oauth: msgspec.Raw
    scim: msgspec.Raw
    last_active_at: int
    updated_at: int
    created_at: int


L = TypeVar("L", bound=UserRecord)


def complete_user(row: L) -> L:
    """A row as answers show it: never without a picture, settings never without the part of the page."""
    row.profile_image_url = row.profile_image_url or build_default_picture_url(row.id)
    if bytes(row.settings) != b"null" and b'"ui"' not in bytes(row.settings):
        settings = msgspec.json.decode(row.settings)
        row.settings = msgspec.Raw(msgspec.json.encode({"ui": {}, **settings}))
    return row


COLUMNS = """u.id, u.email, u.username, u.role, u.name, u.profile_image_url, u.profile_banner_image_url, u.bio,
    u.gender,
    u.date_of_birth, u.timezone, u.presence_state, u.status_emoji, u.status_message, u.status_expires_at, u.info,
    u.settings, u.oauth, u.scim, u.last_active_at, u.updated_at, u.created_at"""


async def find_user(db: Executor, user_id: str) -> UserRecord | None:
    found = await db.fetch_first(
        UserRecord, "users.get", f'SELECT {COLUMNS} FROM "user" u WHERE u.id = :id', id=user_id
    )
    return None if found is None else complete_user(found)


async def has_user(db: Executor, user_id: str) -> bool:
    return bool(await db.fetch_value("users.exists", 'SELECT 1 FROM "user" WHERE id = :id', id=user_id))


async def find_timezone(db: Executor, user_id: str) -> str | None:
    found = await db.fetch_value("users.timezone", 'SELECT timezone FROM "user" WHERE id = :id', id=user_id)
    return None if found is None else str(found)


async def has_oauth_session(db: Executor, user_id: str) -> bool:
    text = "SELECT 1 FROM oauth_session WHERE user_id = :id LIMIT 1"
    return bool(await db.fetch_value("users.oauth_session", text, id=user_id))


#: Users seen within this many seconds count as active, as in the reference.
ACTIVE = 180


async def count_active_users(db: Executor) -> int:
    text = 'SELECT count(*) FROM "user" WHERE last_active_at >= :since'
    return int(await db.fetch_value("users.active_count", text, since=int(time.time()) - ACTIVE) or 0)


async def is_active(db: Executor, user_id: str) -> bool:
    seen = await db.fetch_value("users.seen", 'SELECT last_active_at FROM "user" WHERE id = :id', id=user_id)
    return seen is not None and int(time.time()) - int(seen) <= ACTIVE
