"""Rows of `user` that an identity provider sees: those of accounts that OAuth or SCIM has created or linked."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from fastback.features.scim.condition_store import Column
from fastback.kit.db import Database, Executor
from fastback.kit.db.database import Transaction
from fastback.kit.db.indexes import Index

#: What provisioned users are found and sorted by: SQLite reads their pictures to reach some of it in a row.
INDEX = Index(
    "fastback_user_provisioned",
    sqlite='ON "user" (created_at, id, email, name, role, updated_at, scim, oauth)'
    " WHERE scim IS NOT NULL OR oauth IS NOT NULL",
    postgres=None,
)
#: The reference stores the absence of either as NULL or as JSON's `null`.
_IS_PROVISIONED = """(u.scim IS NOT NULL OR u.oauth IS NOT NULL)
    AND (CAST(u.oauth AS TEXT) <> 'null' OR CAST(u.scim AS TEXT) <> 'null')"""
_COLUMNS = "u.id, u.email, u.name, u.role, u.profile_image_url, u.scim, u.created_at, u.updated_at"
_ENTRY = "u.scim::readable -> CAST(:provider AS TEXT)"
_EXTERNAL_ID = f"({_ENTRY} ->> 'external_id')"
_USER_NAME = f"({_ENTRY} ->> 'user_name')"
#: Most users have no name and no address but those in the columns: a search in the text of the JSON passes them by.
_HAS_USER_NAME = "coalesce(CAST(u.scim AS TEXT), '') LIKE '%\"user_name\"%'"
_HAS_OTHER_EMAILS = "coalesce(CAST(u.scim AS TEXT), '') LIKE '%\"other_emails\"%'"
_OTHER_EMAILS = {
    "sqlite": f"""{_HAS_OTHER_EMAILS} AND EXISTS (
        SELECT 1 FROM (
            SELECT j.value ->> 'value' AS value FROM json_each(u.scim -> :provider -> 'other_emails') j
        ) e WHERE {{test}})""",
    "postgres": f"""{_HAS_OTHER_EMAILS} AND EXISTS (
        SELECT 1 FROM (
            SELECT j ->> 'value' AS value FROM json_array_elements(
                CASE WHEN json_typeof({_ENTRY} -> 'other_emails') = 'array'
                THEN {_ENTRY} -> 'other_emails' ELSE '[]' END) j
        ) e WHERE {{test}})""",
}
_EMAIL = Column("text", "u.email", elements=_OTHER_EMAILS)
#: What filters of users compare, by the name of the attribute in the model of the standard.
FILTER_COLUMNS = {
    "id": Column("exact", "u.id"),
    "external_id": Column("exact", _EXTERNAL_ID, is_nullable=True),
    # An account is also found by its address where the identity provider has another name for it.
    "user_name": Column(
        "text",
        f"coalesce({_USER_NAME}, u.email)",
        equality=f"lower(u.email) = {{value}} OR {_HAS_USER_NAME} AND lower(coalesce({_USER_NAME}, '')) = {{value}}",
    ),
    "display_name": Column("text", "u.name"),
    "emails": _EMAIL,
    "emails.value": _EMAIL,
    "active": Column("flag", "u.role <> 'pending'"),
    "meta.resource_type": Column("exact", "'User'"),
    "meta.created": Column("time", "u.created_at"),
    "meta.last_modified": Column("time", "u.updated_at"),
}

FIND_USER = f'SELECT {_COLUMNS} FROM "user" u WHERE u.id = :id AND {_IS_PROVISIONED}'
_LOCK_USER_POSTGRES = f"{FIND_USER} FOR UPDATE"
LIST_USERS_BY_ID = f'SELECT {_COLUMNS} FROM "user" u WHERE u.id = ANY(:ids)'
FIND_ID_BY_EXTERNAL_ID = f"""
    SELECT u.id FROM "user" u WHERE (u.scim IS NOT NULL OR u.oauth IS NOT NULL) AND {_EXTERNAL_ID} = :external_id
    ORDER BY u.created_at, u.id LIMIT 1"""
#: SQLite keeps the type of a JSON number, PostgreSQL compares its text.
FIND_ID_BY_SUBJECT = """
    SELECT u.id FROM "user" u WHERE (u.scim IS NOT NULL OR u.oauth IS NOT NULL)
        AND CAST(u.oauth::readable -> CAST(:provider AS TEXT) ->> 'sub' AS TEXT) = :subject
    ORDER BY u.created_at, u.id LIMIT 1"""
FIND_NAMESAKE = 'SELECT u.id FROM "user" u WHERE lower(u.email) = ANY(:names) AND u.id <> :id LIMIT 1'
FIND_PROVISIONED_NAMESAKE = f"""
    SELECT u.id FROM "user" u WHERE (u.scim IS NOT NULL OR u.oauth IS NOT NULL)
        AND {_HAS_USER_NAME} AND lower({_USER_NAME}) = ANY(:names) AND u.id <> :id LIMIT 1"""
LIST_GROUPS = """
    SELECT m.user_id, g.id, g.name FROM group_member m JOIN "group" g ON g.id = m.group_id
    WHERE m.user_id = ANY(:ids) ORDER BY g.updated_at DESC, g.id"""
COUNT_USERS_BY_ID = 'SELECT count(*) FROM "user" WHERE id = ANY(:ids)'
FIND_ADMIN_ID = """SELECT id FROM "user" WHERE role = 'admin' ORDER BY created_at, id LIMIT 1"""


class UserRow(msgspec.Struct):
    """A user with the columns that the standard has attributes for."""

    id: str
    email: str
    name: str
    role: str
    profile_image_url: str | None
    scim: msgspec.Raw
    created_at: int
    updated_at: int


class GroupName(msgspec.Struct):
    """A group of which a user is a direct member."""

    user_id: str
    id: str
    name: str


@lru_cache(128)
def _build_page_ids(condition: str) -> str:
    return f"""SELECT u.id FROM "user" u WHERE {_IS_PROVISIONED} AND {condition}
        ORDER BY u.created_at DESC, u.id DESC LIMIT :limit OFFSET :skip"""


@lru_cache(128)
def _build_count(condition: str) -> str:
    return f'SELECT count(*) FROM "user" u WHERE {_IS_PROVISIONED} AND {condition}'


async def list_page_ids(
    db: Database, condition: str, params: dict[str, Any], *, skip: int, limit: int
) -> tuple[list[str], int]:
    """Return the ids of a page of provisioned users, the newest first, and how many fulfil a condition."""
    ids = await db.fetch_all_in_thread(
        str, "scim.list_user_ids", _build_page_ids(condition), limit=limit, skip=skip, **params
    )
    if len(ids) < limit and (ids or not skip):
        return ids, skip + len(ids)  # the last page
    counts = await db.fetch_all_in_thread(int, "scim.count_users", _build_count(condition), **params)
    return ids, counts[0]


async def list_users(db: Database, ids: list[str]) -> list[UserRow]:
    """Return these users, in this order."""
    rows = await db.fetch_all(UserRow, "scim.list_users", LIST_USERS_BY_ID, ids=ids) if ids else []
    rows_by_id = {row.id: row for row in rows}
    return [rows_by_id[user_id] for user_id in ids if user_id in rows_by_id]


async def find_user(db: Executor, user_id: str) -> UserRow | None:
    """Return a provisioned user, or None."""
    return await db.fetch_first(UserRow, "scim.find_user", FIND_USER, id=user_id)


async def lock_user(tx: Transaction, user_id: str) -> UserRow | None:
    """Return a provisioned user, or None; no other transaction changes the row before the end of this one."""
    text = _LOCK_USER_POSTGRES if tx.dialect == "postgres" else FIND_USER
    return await tx.fetch_first(UserRow, "scim.lock_user", text, id=user_id)


async def find_id_by_external_id(db: Database, provider: str, external_id: str) -> str | None:
    """Return the id of the user with this external id; else of the user who signs in with it as a subject."""
    ids = await db.fetch_all_in_thread(
        str, "scim.find_by_external_id", FIND_ID_BY_EXTERNAL_ID, provider=provider, external_id=external_id
    )
    if not ids:
        ids = await db.fetch_all_in_thread(
            str, "scim.find_by_subject", FIND_ID_BY_SUBJECT, provider=provider, subject=external_id
        )
    return ids[0] if ids else None


async def is_name_taken(db: Database, provider: str, names: list[str], *, user_id: str = "") -> bool:
    """Return whether another user than `user_id` has one of these addresses or names, in any case."""
    lowered = list({name.lower() for name in names})
    if await db.fetch_all_in_thread(str, "scim.find_namesake", FIND_NAMESAKE, names=lowered, id=user_id):
        return True
    ids = await db.fetch_all_in_thread(
        str, "scim.find_provisioned_namesake", FIND_PROVISIONED_NAMESAKE, provider=provider, names=lowered, id=user_id
    )
    return bool(ids)


async def list_groups(db: Executor, user_ids: list[str]) -> dict[str, list[GroupName]]:
    """Return the groups of which users are direct members, by the user's id."""
    groups: dict[str, list[GroupName]] = {}
    if user_ids:
        for row in await db.fetch_all(GroupName, "scim.list_groups_of_users", LIST_GROUPS, ids=user_ids):
            groups.setdefault(row.user_id, []).append(row)
    return groups


async def find_admin_id(db: Executor) -> str | None:
    """Return the id of the first administrator, or None."""
    return await db.fetch_first(str, "scim.find_admin_id", FIND_ADMIN_ID)


async def count_users_by_id(db: Database, ids: list[str]) -> int:
    """Return how many of these different ids belong to users, provisioned or not."""
    counts = await db.fetch_all_in_thread(int, "scim.count_users_by_id", COUNT_USERS_BY_ID, ids=ids)
    return counts[0]
