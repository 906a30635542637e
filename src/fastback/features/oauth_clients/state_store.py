"""Rows of `fastback_oauth_state`: begun authorizations. `content` is encrypted; times are Unix times."""

from __future__ import annotations

from fastback.kit.db import Database

OWN_TABLES = [
    """CREATE TABLE IF NOT EXISTS fastback_oauth_state (
        digest TEXT PRIMARY KEY, user_id TEXT NOT NULL, content TEXT NOT NULL, expires_at BIGINT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS fastback_oauth_state_user ON fastback_oauth_state (user_id, expires_at)",
]

INSERT_STATE = """
    INSERT INTO fastback_oauth_state (digest, user_id, content, expires_at)
    VALUES (:digest, :user_id, :content, :expires_at)"""
TAKE_STATE = "DELETE FROM fastback_oauth_state WHERE digest = :digest AND expires_at > :now RETURNING content"
DELETE_EXPIRED_STATES = "DELETE FROM fastback_oauth_state WHERE expires_at <= :now"
DELETE_OLDER_STATES = """
    DELETE FROM fastback_oauth_state WHERE user_id = :user_id AND digest NOT IN (
        SELECT digest FROM fastback_oauth_state WHERE user_id = :user_id
        ORDER BY expires_at DESC, digest LIMIT :count)"""


async def insert_state(
    db: Database, *, digest: str, user_id: str, content: str, expires_at: int, now: int, limit: int
) -> None:
    """Insert a state; of this user the newest `limit` states stay, and no expired state of any user."""
    async with db.transaction() as tx:
        await tx.execute("oauth_clients.delete_expired_states", DELETE_EXPIRED_STATES, now=now)
        await tx.execute("oauth_clients.delete_older_states", DELETE_OLDER_STATES, user_id=user_id, count=limit - 1)
        await tx.execute(
            "oauth_clients.insert_state",
            INSERT_STATE,
            digest=digest,
            user_id=user_id,
            content=content,
            expires_at=expires_at,
        )


async def take_state(db: Database, digest: str, now: int) -> str | None:
    """Delete a state and return its content; None where it is missing or has expired."""
    content = await db.fetch_value("oauth_clients.take_state", TAKE_STATE, digest=digest, now=now)
    return None if content is None else str(content)
