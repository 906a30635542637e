"""Credentials: rows of `auth` and `api_key`, and accounts as a whole."""

from __future__ import annotations

import time
import uuid

import msgspec

from fastback.kit.db import Database, Executor


class Credential(msgspec.Struct):
    """What a sign-in is checked against."""

    id: str
    email: str
    name: str
    role: str
    password: str | None
    active: bool | None
    session_stamp: str | None


_CREDENTIAL = """
    SELECT u.id, u.email, u.name, u.role, a.password, a.active, a.session_stamp
    FROM "user" u JOIN auth a ON a.id = u.id"""


async def by_email(db: Executor, email: str) -> Credential | None:
    return await db.fetch_first(
        Credential, "auths.by_email", f"{_CREDENTIAL} WHERE lower(u.email) = :email", email=email.lower()
    )


async def by_id(db: Executor, user_id: str) -> Credential | None:
    return await db.fetch_first(Credential, "auths.by_id", f"{_CREDENTIAL} WHERE u.id = :id", id=user_id)


async def email_taken(db: Executor, email: str) -> bool:
    text = 'SELECT 1 FROM "user" WHERE lower(email) = :email'
    return bool(await db.fetch_value("auths.email_taken", text, email=email.lower()))


async def has_users(db: Executor) -> bool:
    return bool(await db.fetch_value("auths.has_users", 'SELECT 1 FROM "user" LIMIT 1'))


async def insert(
    db: Database,
    *,
    email: str,
    password: str,
    name: str,
    picture: str | None,
    role: str,
    only_if_empty_admin: bool = True,
) -> Credential:
    """Create an account; the first one of an installation becomes its administrator.

    Raises:
        IntegrityError: the address is taken.
    """
    user_id, stamp, now = str(uuid.uuid4()), str(uuid.uuid4()), int(time.time())
    async with db.transaction() as tx:
        if tx.dialect == "postgres":
            # Two first sign-ups at once: one after the other, so that exactly one is the first.
            await tx.execute("auths.lock", "SELECT pg_advisory_xact_lock(731947206)")
        if only_if_empty_admin and not await has_users(tx):
            role = "admin"
        await tx.execute(
            "auths.insert",
            """INSERT INTO auth (id, email, password, active, session_stamp)
               VALUES (:id, :email, :password, TRUE, :stamp)""",
            id=user_id,
            email=email,
            password=password,
            stamp=stamp,
        )
        await tx.execute(
            "users.insert",
            """INSERT INTO "user" (id, name, email, role, profile_image_url, last_active_at, updated_at, created_at)
               VALUES (:id, :name, :email, :role, :picture, :now, :now, :now)""",
            id=user_id,
            name=name,
            email=email,
            role=role,
            picture=picture,
            now=now,
        )
    return Credential(user_id, email, name, role, password, True, stamp)


async def set_password(db: Database, user_id: str, password: str, *, known: str | None = None) -> bool:
    """Set a password hash and end every session; False when `known` is no longer the stored hash."""
    changed = await db.execute(
        "auths.set_password",
        """UPDATE auth SET password = :password, session_stamp = :stamp
           WHERE id = :id AND (CAST(:known AS TEXT) IS NULL OR password = :known)""",
        id=user_id,
        password=password,
        stamp=str(uuid.uuid4()),
        known=known,
    )
    return changed > 0


async def revoke_sessions(db: Executor, user_id: str) -> None:
    """End every session of a user."""
    text = "UPDATE auth SET session_stamp = :stamp WHERE id = :id"
    await db.execute("auths.revoke_sessions", text, id=user_id, stamp=str(uuid.uuid4()))


async def revoke_all_sessions(db: Database) -> list[str]:
    """End every session; whose there were. One stamp for all does: what counts is that it is another."""
    stamp = str(uuid.uuid4())
    await db.execute("auths.revoke_all", "UPDATE auth SET session_stamp = :stamp", stamp=stamp)
    return await db.fetch_all(str, "auths.ids", "SELECT id FROM auth")


async def set_email(db: Executor, user_id: str, email: str) -> None:
    await db.execute("auths.set_email", "UPDATE auth SET email = :email WHERE id = :id", id=user_id, email=email)


async def revoke_token(db: Database, jti: str, expires_at: int) -> None:
    """Remember that one token is worth nothing any more, until it would have expired anyhow."""
    async with db.transaction() as tx:
        await tx.execute(
            "auths.forget", "DELETE FROM fastback_revoked_token WHERE expires_at < :now", now=int(time.time())
        )
        await tx.execute(
            "auths.revoke_token",
            """INSERT INTO fastback_revoked_token (jti, expires_at) VALUES (:jti, :expires_at)
               ON CONFLICT (jti) DO NOTHING""",
            jti=jti,
            expires_at=expires_at,
        )


async def api_key(db: Executor, user_id: str) -> str | None:
    found = await db.fetch_value("auths.api_key", 'SELECT "key" FROM api_key WHERE user_id = :id', id=user_id)
    return None if found is None else str(found)


async def set_api_key(db: Database, user_id: str, key: str | None) -> None:
    """Give a user a new API key instead of the old one; None takes it away."""
    now = int(time.time())
    async with db.transaction() as tx:
        await tx.execute("auths.delete_api_key", "DELETE FROM api_key WHERE user_id = :id", id=user_id)
        if key is not None:
            await tx.execute(
                "auths.insert_api_key",
                """INSERT INTO api_key (id, user_id, "key", created_at, updated_at)
                   VALUES (:id, :user_id, :key, :now, :now)""",
                id=f"key_{user_id}",
                user_id=user_id,
                key=key,
                now=now,
            )


async def delete_oauth_sessions(db: Executor, user_id: str, provider: str) -> bool:
    """Forget what another provider gave for this user; False when there was nothing."""
    text = "DELETE FROM oauth_session WHERE user_id = :id AND provider = :provider"
    return await db.execute("auths.delete_oauth_sessions", text, id=user_id, provider=provider) > 0


async def join_group(db: Executor, group_id: str, user_id: str) -> None:
    """Put a user into a group that exists; nothing happens when they are in it already."""
    now = int(time.time())
    await db.execute(
        "auths.join_group",
        """INSERT INTO group_member (id, group_id, user_id, created_at, updated_at)
           SELECT :id, g.id, :user_id, :now, :now FROM "group" g WHERE g.id = :group_id
           ON CONFLICT (group_id, user_id) DO NOTHING""",
        id=str(uuid.uuid4()),
        group_id=group_id,
        user_id=user_id,
        now=now,
    )


#: The first who signed up; of several in one second the administrator. Fill in the columns.
FIRST_USER = """SELECT {} FROM "user" ORDER BY created_at, CASE WHEN role = 'admin' THEN 0 ELSE 1 END, id LIMIT 1"""


class Contact(msgspec.Struct):
    name: str | None
    email: str | None


async def first_user(db: Executor) -> Contact | None:
    return await db.fetch_first(Contact, "auths.first_user", FIRST_USER.format("name, email"))


async def name_of(db: Executor, email: str) -> str | None:
    found = await db.fetch_value(
        "auths.name_of", 'SELECT name FROM "user" WHERE lower(email) = :email', email=email.lower()
    )
    return None if found is None else str(found)
