"""Rows of `auth`, `api_key` and `fastback_revoked_token`: how users prove who they are."""

from __future__ import annotations

import time
import uuid

import msgspec

from fastback.kit.db import Database, Executor

OWN_TABLES = [
    "CREATE TABLE IF NOT EXISTS fastback_revoked_token (jti TEXT PRIMARY KEY, expires_at BIGINT NOT NULL)",
]


class Credential(msgspec.Struct):
    """A user with the password hash and the session stamp that a sign-in is checked against."""

    id: str
    email: str
    name: str
    role: str
    password: str | None
    active: bool | None
    session_stamp: str | None


class Account(msgspec.Struct, frozen=True):
    """The user behind a session token or an API key."""

    #: None where the credential still exists, but the user does not.
    id: str | None
    email: str
    name: str
    role: str
    session_stamp: str | None
    active: bool


_CREDENTIAL = """
    SELECT u.id, u.email, u.name, u.role, a.password, a.active, a.session_stamp
    FROM "user" u JOIN auth a ON a.id = u.id"""

FIND_CREDENTIAL = f"{_CREDENTIAL} WHERE u.id = :id"
FIND_CREDENTIAL_BY_EMAIL = f"{_CREDENTIAL} WHERE lower(u.email) = :email"
FIND_ACCOUNT = """
    SELECT u.id, u.email, u.name, u.role, a.session_stamp, a.active
    FROM auth a LEFT JOIN "user" u ON u.id = a.id
    WHERE a.id = :user_id"""
FIND_ACCOUNT_BY_API_KEY = """
    SELECT u.id, u.email, u.name, u.role, NULL, TRUE
    FROM api_key k JOIN "user" u ON u.id = k.user_id
    WHERE k."key" = :key"""
SAVE_LAST_ACTIVE = 'UPDATE "user" SET last_active_at = :at WHERE id = :user_id'

INSERT_CREDENTIAL = """
    INSERT INTO auth (id, email, password, active, session_stamp)
    VALUES (:id, :email, :password, TRUE, :stamp)"""
#: The second factor without its running challenges and the operator's reset ticket, which a revocation ends, too.
_ENDED_CHALLENGES = {
    "sqlite": """CASE json_type(mfa) WHEN 'object'
        THEN json_remove(mfa, '$.login_challenge', '$.manage_challenge', '$.reset_ticket') END""",
    "postgres": """CASE json_typeof(mfa) WHEN 'object'
        THEN CAST(CAST(mfa AS jsonb) - 'login_challenge' - 'manage_challenge' - 'reset_ticket' AS json) END""",
}
SET_PASSWORD_HASH = {
    dialect: f"""UPDATE auth SET password = :password, session_stamp = :stamp, mfa = {ended}
        WHERE id = :id AND (CAST(:expected AS TEXT) IS NULL OR password = :expected)"""
    for dialect, ended in _ENDED_CHALLENGES.items()
}
SET_EMAIL = "UPDATE auth SET email = :email WHERE id = :id"
REVOKE_ALL_SESSIONS = {
    dialect: f"UPDATE auth SET session_stamp = :stamp, mfa = {ended}" for dialect, ended in _ENDED_CHALLENGES.items()
}
REVOKE_SESSIONS = {dialect: f"{text} WHERE id = :id" for dialect, text in REVOKE_ALL_SESSIONS.items()}
HAS_SECOND_FACTOR = """
    SELECT 1 FROM auth
    WHERE id = :id AND (mfa ->> 'secret') IS NOT NULL
      AND COALESCE(CAST(mfa ->> 'reset_required' AS TEXT), 'false') NOT IN ('true', '1')"""

IS_TOKEN_REVOKED = "SELECT 1 FROM fastback_revoked_token WHERE jti = :jti"
INSERT_REVOKED_TOKEN = """
    INSERT INTO fastback_revoked_token (jti, expires_at) VALUES (:jti, :expires_at)
    ON CONFLICT (jti) DO NOTHING"""
DELETE_EXPIRED_TOKENS = "DELETE FROM fastback_revoked_token WHERE expires_at < :now"

FIND_API_KEY = 'SELECT "key" FROM api_key WHERE user_id = :id'
INSERT_API_KEY = """
    INSERT INTO api_key (id, user_id, "key", created_at, updated_at)
    VALUES (:id, :user_id, :key, :now, :now)"""
DELETE_API_KEY = "DELETE FROM api_key WHERE user_id = :id"


async def find_credential(db: Executor, user_id: str) -> Credential | None:
    """Return the credential of a user, or None."""
    return await db.fetch_first(Credential, "credentials.find", FIND_CREDENTIAL, id=user_id)


async def find_credential_by_email(db: Executor, email: str) -> Credential | None:
    """Return the credential of the user with this address in any case, or None."""
    return await db.fetch_first(Credential, "credentials.find_by_email", FIND_CREDENTIAL_BY_EMAIL, email=email.lower())


async def find_account(db: Executor, user_id: str) -> Account | None:
    """Return the account that a session token names, or None where there is no credential."""
    return await db.fetch_first(Account, "credentials.find_account", FIND_ACCOUNT, user_id=user_id)


async def find_account_by_api_key(db: Executor, key: str) -> Account | None:
    """Return the account that an API key belongs to, or None."""
    return await db.fetch_first(Account, "credentials.find_account_by_key", FIND_ACCOUNT_BY_API_KEY, key=key)


async def save_last_active(db: Executor, active_at: dict[str, int]) -> None:
    """Store when users were last active (Unix time by user id)."""
    rows = [{"user_id": user_id, "at": at} for user_id, at in active_at.items()]
    await db.execute_many("credentials.save_last_active", SAVE_LAST_ACTIVE, rows)


async def insert_credential(db: Executor, *, user_id: str, email: str, password_hash: str, stamp: str) -> None:
    """Insert the credential of a new user.

    Raises:
        IntegrityError: the address is taken.
    """
    await db.execute(
        "credentials.insert", INSERT_CREDENTIAL, id=user_id, email=email, password=password_hash, stamp=stamp
    )


async def set_password_hash(db: Executor, user_id: str, password_hash: str, *, expected: str | None = None) -> bool:
    """Store a password hash and end every session of the user.

    Returns False, and changes nothing, where `expected` is given and no longer the stored hash.
    """
    changed = await db.execute(
        "credentials.set_password",
        SET_PASSWORD_HASH[db.dialect],
        id=user_id,
        password=password_hash,
        stamp=str(uuid.uuid4()),
        expected=expected,
    )
    return changed > 0


async def set_email(db: Executor, user_id: str, email: str) -> None:
    """Store another address in the credential of a user."""
    await db.execute("credentials.set_email", SET_EMAIL, id=user_id, email=email)


async def revoke_sessions(db: Executor, user_id: str) -> None:
    """End every session of a user."""
    await db.execute("credentials.revoke_sessions", REVOKE_SESSIONS[db.dialect], id=user_id, stamp=str(uuid.uuid4()))


async def revoke_all_sessions(db: Executor) -> None:
    """End every session of every user.

    All credentials get the same new stamp: it only has to differ from the stamps in the tokens.
    """
    await db.execute("credentials.revoke_all_sessions", REVOKE_ALL_SESSIONS[db.dialect], stamp=str(uuid.uuid4()))


async def has_second_factor(db: Executor, user_id: str) -> bool:
    """Return whether a user has enrolled an authenticator, and the operator has not reset it."""
    return bool(await db.fetch_value("credentials.has_second_factor", HAS_SECOND_FACTOR, id=user_id))


async def is_token_revoked(db: Executor, jti: str) -> bool:
    """Return whether the session of the token with this `jti` was ended."""
    return bool(await db.fetch_value("credentials.is_token_revoked", IS_TOKEN_REVOKED, jti=jti))


async def revoke_token(db: Database, jti: str, expires_at: int) -> None:
    """Store a token as revoked until it expires (Unix time), and delete the entries that have expired."""
    async with db.transaction() as tx:
        await tx.execute("credentials.delete_expired_tokens", DELETE_EXPIRED_TOKENS, now=int(time.time()))
        await tx.execute("credentials.insert_revoked_token", INSERT_REVOKED_TOKEN, jti=jti, expires_at=expires_at)


async def use_once(db: Database, name: str, expires_at: int) -> bool:
    """Return whether a name is used for the first time; it is remembered until it expires (Unix time)."""
    async with db.transaction() as tx:
        await tx.execute("credentials.delete_expired_tokens", DELETE_EXPIRED_TOKENS, now=int(time.time()))
        count = await tx.execute(
            "credentials.insert_revoked_token", INSERT_REVOKED_TOKEN, jti=name, expires_at=expires_at
        )
    return count > 0


async def find_api_key(db: Executor, user_id: str) -> str | None:
    """Return the API key of a user, or None."""
    key = await db.fetch_value("credentials.find_api_key", FIND_API_KEY, id=user_id)
    return None if key is None else str(key)


async def set_api_key(db: Database, user_id: str, key: str | None) -> None:
    """Replace the API key of a user; None deletes it."""
    async with db.transaction() as tx:
        await tx.execute("credentials.delete_api_key", DELETE_API_KEY, id=user_id)
        if key is not None:
            await tx.execute(
                "credentials.insert_api_key",
                INSERT_API_KEY,
                id=f"key_{user_id}",
                user_id=user_id,
                key=key,
                now=int(time.time()),
            )
