"""Insertion of an account: a user with a credential, in one transaction."""

from __future__ import annotations

import uuid
from typing import Any

from fastback.access import credential_store
from fastback.access.credential_store import Credential
from fastback.features.users import store as users
from fastback.kit.db import Database

_LOCK_POSTGRES = "SELECT pg_advisory_xact_lock(731947206)"


async def insert_account(
    db: Database,
    *,
    email: str,
    password_hash: str,
    name: str,
    picture: str | None,
    role: str,
    oauth: dict[str, Any] | None = None,
    scim: dict[str, Any] | None = None,
    may_administrate: bool = True,
) -> Credential:
    """Insert an account and return its credential; the first account of an installation is an administrator's.

    `oauth` has the subject of the user by provider, `scim` the external id. Without `may_administrate` the role applies
    to the first account, too.

    Raises:
        IntegrityError: the address is taken.
    """
    user_id, stamp = str(uuid.uuid4()), str(uuid.uuid4())
    async with db.transaction() as tx:
        if tx.dialect == "postgres":
            # Two first sign-ups at the same time run one after the other, so that exactly one of them is the first.
            await tx.execute("auths.lock", _LOCK_POSTGRES)
        if may_administrate and not await users.has_users(tx):
            role = "admin"
        await credential_store.insert_credential(
            tx, user_id=user_id, email=email, password_hash=password_hash, stamp=stamp
        )
        await users.insert_user(tx, user_id=user_id, name=name, email=email, role=role, picture=picture)
        links = {name: value for name, value in (("oauth", oauth), ("scim", scim)) if value}
        if links:
            await users.update_user(tx, user_id, **links)
    return Credential(user_id, email, name, role, password_hash, True, stamp)
