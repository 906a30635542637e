"""The column `auth.mfa`: the second factors of accounts, changed by compare-and-set as in the reference."""

from __future__ import annotations

import uuid

from fastback.access.credential_store import Credential
from fastback.features.second_factors.state import FactorState
from fastback.kit.db import Executor
from fastback.kit.storable_text import encode_json

FIND_ACCOUNT = """
    SELECT u.id, u.email, u.name, u.role, a.password, a.active, a.session_stamp, a.mfa
    FROM auth a JOIN "user" u ON u.id = a.id
    WHERE a.id = :user_id"""
UPDATE_STATE = """
    UPDATE auth SET mfa = :state, session_stamp = :stamp
    WHERE id = :user_id AND active = TRUE
      AND password IS NOT DISTINCT FROM :password
      AND session_stamp IS NOT DISTINCT FROM :expected_stamp
      AND (mfa ->> 'revision') IS NOT DISTINCT FROM :expected_revision"""
LIST_SECRETS = "SELECT mfa ->> 'secret' FROM auth WHERE (mfa ->> 'secret') IS NOT NULL"


class FactorAccount(Credential):
    """A user's credential with their second factor; None where they never had one."""

    state: FactorState | None = None


async def find_account(db: Executor, user_id: str) -> FactorAccount | None:
    """Return the account of a user, or None.

    Raises:
        msgspec.DecodeError: the stored second factor is not of the known form.
    """
    return await db.fetch_first(FactorAccount, "second_factors.find_account", FIND_ACCOUNT, user_id=user_id)


async def update_state(
    db: Executor, account: FactorAccount, state: FactorState, *, revoke_sessions: bool = False
) -> bool:
    """Store a second factor with a new revision, in place of that of `account`, and return True.

    Returns False, and changes nothing, where the credential is no longer that of `account`, or is deactivated.
    On success `account` has the new state, and with `revoke_sessions` a new session stamp.
    """
    revision = account.state.revision if account.state is not None else None
    stamp = str(uuid.uuid4()) if revoke_sessions else account.session_stamp
    state.revision = str(uuid.uuid4())
    changed = await db.execute(
        "second_factors.update_state",
        UPDATE_STATE,
        user_id=account.id,
        password=account.password,
        expected_stamp=account.session_stamp,
        expected_revision=revision,
        state=encode_json(state),
        stamp=stamp,
    )
    if not changed:
        return False
    account.state, account.session_stamp = state, stamp
    return True


async def list_secrets(db: Executor) -> list[str]:
    """List the encrypted secrets of all authenticators."""
    return await db.fetch_all(str, "second_factors.list_secrets", LIST_SECRETS)
