"""Rows of `oauth_session`. `token` is encrypted; times are Unix times."""

from __future__ import annotations

import msgspec

from fastback.kit.db import Executor


class SessionRow(msgspec.Struct):
    id: str
    user_id: str
    provider: str
    token: str
    expires_at: int
    created_at: int
    updated_at: int


_COLUMNS = "id, user_id, provider, token, expires_at, created_at, updated_at"
_NEWEST_FIRST = "ORDER BY created_at DESC, updated_at DESC, id"

FIND_SESSION = f"SELECT {_COLUMNS} FROM oauth_session WHERE id = :id"
FIND_NEWEST_SESSION = f"""
    SELECT {_COLUMNS} FROM oauth_session WHERE user_id = :user_id AND provider = :provider {_NEWEST_FIRST} LIMIT 1"""
LIST_SESSIONS = f"SELECT {_COLUMNS} FROM oauth_session WHERE user_id = :user_id {_NEWEST_FIRST}"
LIST_NEWEST_SESSIONS = f"""
    SELECT {_COLUMNS} FROM oauth_session WHERE user_id = ANY(:user_ids) ORDER BY updated_at DESC, id LIMIT :count"""
LIST_PROVIDER_SESSIONS = f"""
    SELECT {_COLUMNS} FROM oauth_session WHERE provider = :provider AND id > :after ORDER BY id LIMIT :count"""
INSERT_SESSION = f"""
    INSERT INTO oauth_session ({_COLUMNS})
    VALUES (:id, :user_id, :provider, :token, :expires_at, :created_at, :updated_at)"""
UPDATE_TOKEN = """
    UPDATE oauth_session SET token = :token, expires_at = :expires_at, updated_at = :now WHERE id = :id"""
DELETE_SESSION = "DELETE FROM oauth_session WHERE id = :id"
DELETE_SESSIONS = "DELETE FROM oauth_session WHERE user_id = :user_id"
DELETE_SESSIONS_AT_PROVIDER = "DELETE FROM oauth_session WHERE user_id = :user_id AND provider = :provider"
DELETE_PROVIDER = "DELETE FROM oauth_session WHERE provider = :provider"
DELETE_OLDER_SESSIONS = f"""
    DELETE FROM oauth_session WHERE user_id = :user_id AND provider = :provider AND id NOT IN (
        SELECT id FROM oauth_session WHERE user_id = :user_id AND provider = :provider {_NEWEST_FIRST} LIMIT :count)"""


async def find_session(db: Executor, session_id: str) -> SessionRow | None:
    """Return a session by id, or None."""
    return await db.fetch_first(SessionRow, "oauth_sessions.find", FIND_SESSION, id=session_id)


async def find_newest_session(db: Executor, user_id: str, provider: str) -> SessionRow | None:
    """Return the newest session of a user at a provider, or None."""
    return await db.fetch_first(
        SessionRow, "oauth_sessions.find_newest", FIND_NEWEST_SESSION, user_id=user_id, provider=provider
    )


async def list_sessions(db: Executor, user_id: str) -> list[SessionRow]:
    """List the sessions of a user at all providers, the newest first."""
    return await db.fetch_all(SessionRow, "oauth_sessions.list", LIST_SESSIONS, user_id=user_id)


async def list_newest_sessions(db: Executor, user_ids: list[str], *, count: int) -> list[SessionRow]:
    """List the `count` sessions of these users that were stored or renewed last."""
    return await db.fetch_all(
        SessionRow, "oauth_sessions.list_newest", LIST_NEWEST_SESSIONS, user_ids=user_ids, count=count
    )


async def list_provider_sessions(db: Executor, provider: str, *, after: str, count: int) -> list[SessionRow]:
    """List sessions of all users at a provider in the order of their ids: the first `count` after an id."""
    return await db.fetch_all(
        SessionRow, "oauth_sessions.list_provider", LIST_PROVIDER_SESSIONS, provider=provider, after=after, count=count
    )


async def insert_session(db: Executor, row: SessionRow) -> None:
    """Insert a session."""
    await db.execute("oauth_sessions.insert", INSERT_SESSION, **msgspec.structs.asdict(row))


async def update_token(db: Executor, session_id: str, *, token: str, expires_at: int, now: int) -> bool:
    """Replace the token of a session and return whether the session exists."""
    count = await db.execute(
        "oauth_sessions.update_token", UPDATE_TOKEN, id=session_id, token=token, expires_at=expires_at, now=now
    )
    return count > 0


async def delete_session(db: Executor, session_id: str) -> bool:
    """Delete a session and return whether it existed."""
    return await db.execute("oauth_sessions.delete", DELETE_SESSION, id=session_id) > 0


async def delete_sessions(db: Executor, user_id: str) -> int:
    """Delete all sessions of a user and return their number."""
    return await db.execute("oauth_sessions.delete_all", DELETE_SESSIONS, user_id=user_id)


async def delete_sessions_at_provider(db: Executor, user_id: str, provider: str) -> int:
    """Delete the sessions of a user at a provider and return their number."""
    return await db.execute(
        "oauth_sessions.delete_at_provider", DELETE_SESSIONS_AT_PROVIDER, user_id=user_id, provider=provider
    )


async def delete_provider(db: Executor, provider: str) -> int:
    """Delete the sessions of all users at a provider and return their number."""
    return await db.execute("oauth_sessions.delete_provider", DELETE_PROVIDER, provider=provider)


async def delete_older_sessions(db: Executor, user_id: str, provider: str, *, count: int) -> int:
    """Delete the sessions of a user at a provider except the newest `count`, and return how many were deleted."""
    return await db.execute(
        "oauth_sessions.delete_older", DELETE_OLDER_SESSIONS, user_id=user_id, provider=provider, count=count
    )
