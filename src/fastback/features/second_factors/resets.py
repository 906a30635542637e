"""The operator's reset of a second factor, for people who lost their authenticator and their recovery codes."""

from __future__ import annotations

import time

from fastback.access import credential_store
from fastback.features.second_factors.accounts import FactorAccounts
from fastback.features.second_factors.codes import generate_token, hash_token
from fastback.features.second_factors.security_log import SecurityLog
from fastback.features.second_factors.state import FactorState, ResetTicket
from fastback.kit.db import Database

#: Seconds that a ticket is valid.
_TICKET_SECONDS = 1800


class ResetError(Exception):
    """A second factor cannot be reset; the text is one line."""


async def reset_second_factor(db: Database, security_log: SecurityLog, *, email: str, reason: str) -> str:
    """Remove a user's authenticator and recovery codes, end their sessions, and return a ticket for a new enrolment.

    Raises:
        ResetError: there is no such user, or no reason is given.
        HttpError: the account is deactivated, or changed at the same time.
    """
    user = await credential_store.find_credential_by_email(db, email.strip())
    if user is None:
        raise ResetError("there is no user with this email address")
    if not reason.strip():
        raise ResetError("the reason is empty")
    await security_log.record("auth.mfa.reset_requested", user.id, reason=reason)
    accounts = FactorAccounts(db, security_log)
    account = await accounts.get(user.id)
    state = account.state or FactorState()
    ticket = generate_token()
    state.secret, state.last_step, state.recovery_hashes = None, -1, []
    state.end_challenges()
    state.reset_required = True
    state.reset_ticket = ResetTicket(token_hash=hash_token(ticket), expires_at=int(time.time()) + _TICKET_SECONDS)
    await accounts.save(account, state, revoke_sessions=True)
    await security_log.record("auth.mfa.reset_completed", user.id, reason=reason)
    return ticket
