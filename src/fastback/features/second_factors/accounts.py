"""Accounts with their second factors: reading, saving by compare-and-set, and counting attempts."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from fastback import messages
from fastback.features.second_factors import store
from fastback.features.second_factors.attempt_limits import TooManyAttempts, add_attempt
from fastback.features.second_factors.security_log import SecurityLog
from fastback.features.second_factors.state import FactorState, LimitKind
from fastback.features.second_factors.store import FactorAccount
from fastback.kit.db import Database
from fastback.kit.http.errors import Conflict, HttpError, Unauthorized

#: How often a change is tried while other requests change the same account.
MAX_TRIES = 5

BUSY = "Authentication is busy. Please try again."
_UNAVAILABLE = "Authentication is temporarily unavailable."
_CHANGED = "Authentication changed in another request. Please start again."
_SESSION_ENDED = "Session expired. Please sign in again."


class FactorAccounts:
    """Reads and changes the second factors of accounts."""

    def __init__(self, db: Database, security_log: SecurityLog) -> None:
        self._db = db
        self._log = security_log

    async def get(self, user_id: str) -> FactorAccount:
        """Return an active account.

        Raises:
            Unauthorized: the account is missing or deactivated.
            HttpError: 503, its stored second factor is not of the known form.
        """
        try:
            account = await store.find_account(self._db, user_id)
        except msgspec.DecodeError:
            raise HttpError(503, _UNAVAILABLE) from None
        if account is None or not account.active:
            raise Unauthorized(messages.INVALID_AUTHENTICATION)
        return account

    async def try_to_save(self, account: FactorAccount, state: FactorState) -> bool:
        """Store the changed second factor of an account; return False where another request changed the account."""
        return await store.update_state(self._db, account, state)

    async def save(self, account: FactorAccount, state: FactorState, *, revoke_sessions: bool = False) -> None:
        """Store the changed second factor of an account; `revoke_sessions` ends its sessions.

        Raises:
            Conflict: another request changed the account since it was read; nothing was stored.
        """
        if not await store.update_state(self._db, account, state, revoke_sessions=revoke_sessions):
            raise Conflict(_CHANGED)

    async def count_attempt(self, account: FactorAccount, state: FactorState, kind: LimitKind) -> None:
        """Count an attempt in a state that the caller stores.

        Raises:
            TooManyAttempts: there were too many already.
        """
        try:
            add_attempt(state.limits, kind)
        except TooManyAttempts:
            await self._log.record("auth.mfa.throttled", account.id)
            raise

    async def limit_attempts(
        self, user_id: str, kind: LimitKind, *, session_stamp: str | UnsetType | None = UNSET
    ) -> FactorAccount:
        """Count an attempt of an account, store it, and return the account.

        `session_stamp` is that of the requester's session, where there is one.

        Raises:
            TooManyAttempts: there were too many already.
            Unauthorized: there is no such active account, or the session has ended.
            Conflict: too many requests change the account.
        """
        for _ in range(MAX_TRIES):
            account = await self.get(user_id)
            if session_stamp is not UNSET and session_stamp != account.session_stamp:
                raise Unauthorized(_SESSION_ENDED)
            state = account.state or FactorState()
            await self.count_attempt(account, state, kind)
            if await self.try_to_save(account, state):
                return account
        raise Conflict(BUSY)
