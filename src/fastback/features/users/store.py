"""Rows of `user`."""

from __future__ import annotations

import datetime
import time
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from fastback.kit.db import Executor
from fastback.kit.storable_text import encode_json

#: Users who were active within this many seconds count as active, as in the reference.
ACTIVE_SECONDS = 180


class Profile(msgspec.Struct):
    """The fields of a user that their own profile page shows."""

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


class JsonValue(msgspec.Struct):
    value: msgspec.Raw


class Picture(msgspec.Struct):
    profile_image_url: str | None
    name: str


class Contact(msgspec.Struct):
    name: str | None
    email: str | None


class UserRecord(msgspec.Struct):
    """A user as administrators see them: all columns except secrets."""

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

_JSON_COLUMNS = ("settings", "info", "variables", "oauth", "scim")
_PLAIN_COLUMNS = (
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
#: The columns of `UserRecord`; a fragment for statements over `"user" u`.
_USER_COLUMNS = """u.id, u.email, u.username, u.role, u.name, u.profile_image_url, u.profile_banner_image_url, u.bio,
    u.gender,
    u.date_of_birth, u.timezone, u.presence_state, u.status_emoji, u.status_message, u.status_expires_at, u.info,
    u.settings, u.oauth, u.scim, u.last_active_at, u.updated_at, u.created_at"""
#: The user who signed up first; of several in one second the administrator comes first.
_FIRST = "ORDER BY created_at, CASE WHEN role = 'admin' THEN 0 ELSE 1 END, id LIMIT 1"

FIND_USER = f'SELECT {_USER_COLUMNS} FROM "user" u WHERE u.id = :id'
HAS_USER = 'SELECT 1 FROM "user" WHERE id = :id'
HAS_USERS = 'SELECT 1 FROM "user" LIMIT 1'
HAS_OTHER_USERS = 'SELECT 1 FROM "user" WHERE id <> :id LIMIT 1'
IS_EMAIL_TAKEN = 'SELECT 1 FROM "user" WHERE lower(email) = :email'
FIND_FIRST_USER_ID = f'SELECT id FROM "user" {_FIRST}'
FIND_FIRST_CONTACT = f'SELECT name, email FROM "user" {_FIRST}'
FIND_ID_BY_EMAIL = 'SELECT id FROM "user" WHERE lower(email) = :email'
FIND_NAME_BY_EMAIL = 'SELECT name FROM "user" WHERE lower(email) = :email'
FIND_PROFILE = """
    SELECT name, email, role, profile_image_url, bio, gender, date_of_birth, status_emoji, status_message,
        status_expires_at
    FROM "user" WHERE id = :id"""
FIND_PICTURE = 'SELECT profile_image_url, name FROM "user" WHERE id = :id'
FIND_TIMEZONE = 'SELECT timezone FROM "user" WHERE id = :id'
FIND_JSON_COLUMN = {column: f'SELECT {column} FROM "user" WHERE id = :id' for column in _JSON_COLUMNS}
#: SQLite has one writer at a time, and no `FOR UPDATE`.
_LOCK_JSON_COLUMN_POSTGRES = {column: f"{text} FOR UPDATE" for column, text in FIND_JSON_COLUMN.items()}
LIST_ADMIN_IDS = 'SELECT id FROM "user" WHERE role = :role'
COUNT_USERS = 'SELECT count(*) FROM "user"'
COUNT_ACTIVE_USERS = 'SELECT count(*) FROM "user" WHERE last_active_at >= :since'
FIND_LAST_ACTIVE = 'SELECT last_active_at FROM "user" WHERE id = :id'

INSERT_USER = """
    INSERT INTO "user" (id, name, email, role, profile_image_url, last_active_at, updated_at, created_at)
    VALUES (:id, :name, :email, :role, :picture, :now, :now, :now)"""
SET_ROLE = 'UPDATE "user" SET role = :role WHERE id = :id'


def build_default_picture_url(user_id: str) -> str:
    """Return the address of the picture of a user who has none."""
    return f"/api/v1/users/{user_id}/profile/image"


def complete_user(row: L) -> L:
    """Fill in, in place, the default picture and the `ui` part of the settings, and return the row."""
    row.profile_image_url = row.profile_image_url or build_default_picture_url(row.id)
    if bytes(row.settings) != b"null" and b'"ui"' not in bytes(row.settings):
        settings = msgspec.json.decode(row.settings)
        row.settings = msgspec.Raw(msgspec.json.encode({"ui": {}, **settings}))
    return row


async def find_user(db: Executor, user_id: str) -> UserRecord | None:
    """Return a user by id, or None."""
    user = await db.fetch_first(UserRecord, "users.find", FIND_USER, id=user_id)
    return None if user is None else complete_user(user)


async def has_user(db: Executor, user_id: str) -> bool:
    """Return whether the user exists."""
    return bool(await db.fetch_value("users.exists", HAS_USER, id=user_id))


async def has_users(db: Executor) -> bool:
    """Return whether there is any user."""
    return bool(await db.fetch_value("users.has_any", HAS_USERS))


async def has_other_users(db: Executor, user_id: str) -> bool:
    """Return whether there are users beside this one."""
    return bool(await db.fetch_value("users.has_others", HAS_OTHER_USERS, id=user_id))


async def is_email_taken(db: Executor, email: str) -> bool:
    """Return whether a user has this address in any case."""
    return bool(await db.fetch_value("users.is_email_taken", IS_EMAIL_TAKEN, email=email.lower()))


async def find_first_user_id(db: Executor) -> str | None:
    """Return the id of the first user, the administrator who cannot be deleted, or None."""
    user_id = await db.fetch_value("users.find_first_id", FIND_FIRST_USER_ID)
    return None if user_id is None else str(user_id)


async def find_first_contact(db: Executor) -> Contact | None:
    """Return the name and the address of the first user, or None."""
    return await db.fetch_first(Contact, "users.find_first_contact", FIND_FIRST_CONTACT)


async def find_id_by_email(db: Executor, email: str) -> str | None:
    """Return the id of the user with this address in any case, or None."""
    return await db.fetch_first(str, "users.id_by_email", FIND_ID_BY_EMAIL, email=email.lower())


async def find_name_by_email(db: Executor, email: str) -> str | None:
    """Return the name of the user with this address in any case, or None."""
    name = await db.fetch_value("users.find_name_by_email", FIND_NAME_BY_EMAIL, email=email.lower())
    return None if name is None else str(name)


async def find_profile(db: Executor, user_id: str) -> Profile | None:
    """Return the profile of a user, or None."""
    return await db.fetch_first(Profile, "users.find_profile", FIND_PROFILE, id=user_id)


async def find_picture(db: Executor, user_id: str) -> Picture | None:
    """Return the picture and the name of a user, or None."""
    return await db.fetch_first(Picture, "users.find_picture", FIND_PICTURE, id=user_id)


async def find_timezone(db: Executor, user_id: str) -> str | None:
    """Return the name of a user's time zone, or None."""
    name = await db.fetch_value("users.find_timezone", FIND_TIMEZONE, id=user_id)
    return None if name is None else str(name)


async def find_json_column(db: Executor, user_id: str, column: str, *, lock: bool = False) -> msgspec.Raw | None:
    """Return one of the JSON columns, undecoded; None where the user does not exist.

    With `lock`, in a transaction, no other transaction changes the row before its end.
    """
    if column not in _JSON_COLUMNS:
        raise ValueError(f"not a JSON column of user: {column}")
    texts = _LOCK_JSON_COLUMN_POSTGRES if lock and db.dialect == "postgres" else FIND_JSON_COLUMN
    row = await db.fetch_first(JsonValue, "users.find_json_column", texts[column], id=user_id)
    return None if row is None else row.value


async def list_admin_ids(db: Executor) -> set[str]:
    """Return the ids of all administrators."""
    return set(await db.fetch_all(str, "users.admin_ids", LIST_ADMIN_IDS, role="admin"))


async def count_active_users(db: Executor) -> int:
    """Count the users who were active within `ACTIVE_SECONDS`."""
    since = int(time.time()) - ACTIVE_SECONDS
    return int(await db.fetch_value("users.count_active", COUNT_ACTIVE_USERS, since=since) or 0)


async def count_active_today(db: Executor) -> int:
    """Count the users who were active since midnight, UTC."""
    now = int(time.time())
    return int(await db.fetch_value("users.count_active", COUNT_ACTIVE_USERS, since=now - now % 86_400) or 0)


async def count_users(db: Executor) -> int:
    """Count all users."""
    return int(await db.fetch_value("users.count_all", COUNT_USERS) or 0)


async def is_active(db: Executor, user_id: str) -> bool:
    """Return whether the user was active within `ACTIVE_SECONDS`."""
    last_active_at = await db.fetch_value("users.find_last_active", FIND_LAST_ACTIVE, id=user_id)
    return last_active_at is not None and int(time.time()) - int(last_active_at) <= ACTIVE_SECONDS


async def insert_user(db: Executor, *, user_id: str, name: str, email: str, role: str, picture: str | None) -> None:
    """Insert a user who is active now."""
    await db.execute(
        "users.insert",
        INSERT_USER,
        id=user_id,
        name=name,
        email=email,
        role=role,
        picture=picture,
        now=int(time.time()),
    )


async def set_role(db: Executor, user_id: str, role: str) -> None:
    """Change the role of a user and leave the time of change as it is."""
    await db.execute("users.set_role", SET_ROLE, id=user_id, role=role)


async def update_user(db: Executor, user_id: str, **fields: Any) -> bool:
    """Update columns of a user (JSON columns take objects) and return whether the user exists.

    Raises:
        ValueError: a field is not a column that may change.
    """
    unknown = set(fields) - set(_PLAIN_COLUMNS) - set(_JSON_COLUMNS)
    if unknown:
        raise ValueError(f"not columns of user: {unknown}")
    values = {
        name: encode_json(value) if name in _JSON_COLUMNS and value is not None else value
        for name, value in fields.items()
    }
    text = _build_update(tuple(fields))
    return await db.execute("users.update", text, id=user_id, updated_at=int(time.time()), **values) > 0


@lru_cache(256)
def _build_update(columns: tuple[str, ...]) -> str:
    assignments = ", ".join(f"{name} = :{name}" for name in columns)
    return f'UPDATE "user" SET {assignments}, updated_at = :updated_at WHERE id = :id'
